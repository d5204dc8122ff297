"""The browser's end of `run_python`: runs one snippet and answers in JSON. Works in pages and workers."""

from __future__ import annotations

import ast
import itertools
import json
import linecache
import textwrap
import traceback

_serials = itertools.count(1)
_globals: dict[str, object] = {"__name__": "snippet"}


def _compile(code: str, names: list[str]) -> object:
    """Make the snippet an async function whose last expression is its result."""
    source = textwrap.dedent(code).strip("\n")
    filename = f"<snippet {next(_serials)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ast.parse(f"async def snippet({', '.join(names)}): pass", filename)
    body = ast.parse(source, filename).body
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    if body:
        module.body[0].body = body  # type: ignore[attr-defined]
    exec(compile(module, filename, "exec"), _globals)
    return _globals["snippet"]


async def run(code: str, args_json: str) -> str:
    """Run a snippet; the answer is `{"value": ...}` or `{"error": traceback}`, as JSON."""
    try:
        args = json.loads(args_json)
        value = await _compile(code, list(args))(**args)  # type: ignore[operator]
        return json.dumps({"value": value})
    except BaseException as error:  # whatever it was, the test wants to see it
        return json.dumps({"error": "".join(traceback.format_exception(error))})
