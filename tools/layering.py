"""Who may import whom, as one table, and a checker that reads the imports of every module.

A rule belongs to a package or module and covers everything below it; the longest match wins. Names in rules
are prefixes: `filesync_web.core` allows each of its modules. Imports inside functions count as well, and so
does `importlib.import_module("a.literal")`; *lazy* ones are allowed in functions only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.common import ROOT

BROWSER_ONLY = ("js", "pyodide", "pyodide_js", "pyscript", "micropip", "_pyodide")
IMPURE = (
    "asyncio",
    "os",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "uuid",
)

# The rooms of filesync_web, each with what it may build on; later ones may use earlier ones only.
CORE = ("filesync_web.errors", "filesync_web.core")
PORTS = (*CORE, "filesync_web.ports", "filesync_web.aio")
STORE = (*PORTS, "filesync_web.livestore")
FILES = (*STORE, "filesync_web.remote", "filesync_web.files")
ADAPTERS = (*STORE, "filesync_web.sources", "filesync_web.service_worker")

# What pages import beside the names of filesync_web itself.
PUBLIC_MODULES = ("filesync_web.inspector", "filesync_web.notebook")

# What the server has of filesync_web, and what each of its parts may use.
WIRE = ("filesync_web.core", "filesync_web.livestore.wire", "filesync_web.livestore.messages")
SERVER_SHARED = ("filesync_server.shared",)


@dataclass(frozen=True)
class Rule:
    """What the modules under one name may import beside themselves and the standard library.

    Attributes:
        ours: modules of this project.
        lazy: modules of this project, but only inside a function.
        others: modules that neither the project nor the standard library has.
        any_other: any module that is not of this project.
        never: modules that are refused whatever the rest says.
        public_only: of filesync_web only the names in its `__all__`, and the public modules.
    """

    ours: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    any_other: bool = False
    never: tuple[str, ...] = ()
    public_only: bool = False


PORTABLE = Rule(
    ours=("filesync_web",),
    never=(
        "filesync_web.browser",
        "filesync_web.command",
        "filesync_web.mirror",
        "filesync_web.native",
        "filesync_web.testing",
    ),
)

RULES = {
    "filesync_web": PORTABLE,
    "filesync_web.errors": Rule(never=IMPURE),
    "filesync_web.core": Rule(ours=CORE, never=IMPURE),
    "filesync_web.engine": Rule(ours=CORE, never=IMPURE),
    "filesync_web.ports": Rule(ours=CORE),
    "filesync_web.aio": Rule(ours=("filesync_web.errors",)),
    "filesync_web.livestore": Rule(ours=PORTS),
    "filesync_web.remote": Rule(ours=PORTS),
    "filesync_web.files": Rule(ours=FILES),
    "filesync_web.transfers": Rule(ours=(*FILES, "filesync_web.engine", "filesync_web.options")),
    "filesync_web.sources": Rule(ours=PORTS),
    "filesync_web.service_worker": Rule(ours=("filesync_web.ports",)),
    "filesync_web.sw": Rule(ours=CORE),
    "filesync_web.testing": Rule(ours=ADAPTERS),
    "filesync_web.browser": Rule(ours=ADAPTERS, others=BROWSER_ONLY),
    "filesync_web.native": Rule(ours=ADAPTERS, others=("httpx", "platformdirs", "websockets", "PIL")),
    "filesync_web.command": Rule(
        ours=("filesync_web",),
        others=("keyring", "platformdirs", "rich", "typer", "watchfiles"),
        never=("filesync_web.browser", "filesync_web.testing", "filesync_web.api", "filesync_web.sw"),
    ),
    "filesync_web.fsspec": Rule(
        ours=("filesync_web",),
        lazy=("filesync_web.browser", "filesync_web.command"),
        others=("fsspec", "upath"),
        never=("filesync_web.native", "filesync_web.testing"),
    ),
    "filesync_web.notebook": Rule(
        ours=("filesync_web",),
        lazy=("filesync_web.browser",),
        others=("anywidget", "traitlets"),
        never=("filesync_web.native", "filesync_web.testing"),
    ),
    "filesync_web.inspector": Rule(
        ours=(
            *FILES,
            "filesync_web.api.instance",
            "filesync_web.environment",
            "filesync_web.file_sync",
            "filesync_web.options",
            "filesync_web.transfers",
            "filesync_web.version",
        ),
        lazy=("filesync_web.browser",),
    ),
    "filesync_web.inspector.redaction": Rule(never=IMPURE),
    "filesync_web.inspector.report": Rule(ours=("filesync_web.inspector.redaction",), never=IMPURE),
    "filesync_web.inspector.html": Rule(ours=CORE, never=IMPURE),
    "filesync_web.mirror": Rule(
        ours=(*FILES, "filesync_web.file_sync", "filesync_web.native"), others=("pathspec",)
    ),
    "filesync_web.mirror.decisions": Rule(ours=CORE, never=IMPURE),
    "filesync_web.environment": Rule(
        ours=("filesync_web",),
        lazy=("filesync_web.browser", "filesync_web.native"),
        never=("filesync_web.testing", "filesync_web.api"),
    ),
    "filesync_web.api": Rule(
        ours=("filesync_web",),
        lazy=("filesync_web.browser",),
        never=("filesync_web.native", "filesync_web.testing"),
    ),
    "filesync_web.__main__": Rule(
        ours=("filesync_web",),
        lazy=("filesync_web.native",),
        never=("filesync_web.browser", "filesync_web.testing"),
    ),
    "filesync_server": Rule(any_other=True, never=("filesync_server.command",)),
    "filesync_server.__main__": Rule(ours=("filesync_server.command",)),
    "filesync_server.shared": Rule(ours=("filesync_web.core.foreign",), any_other=True),
    "filesync_server.compose": Rule(ours=SERVER_SHARED, any_other=True),
    "filesync_server.site": Rule(ours=SERVER_SHARED, any_other=True),
    "filesync_server.objects": Rule(ours=SERVER_SHARED, any_other=True),
    "filesync_server.signer": Rule(
        ours=(
            *SERVER_SHARED,
            "filesync_server.objects.admission",
            "filesync_server.objects.port",
            "filesync_server.objects.keys",
        ),
        any_other=True,
    ),
    "filesync_server.sync": Rule(ours=(*SERVER_SHARED, *WIRE), any_other=True),
    "filesync_server.command": Rule(ours=("filesync_server", *WIRE), any_other=True),
    "demo": Rule(ours=PUBLIC_MODULES, any_other=True, public_only=True),
    "examples": Rule(ours=("filesync_server", *PUBLIC_MODULES), any_other=True, public_only=True),
    "tools": Rule(),
    "tools.docs_hooks": Rule(others=("griffe", "mkdocs")),  # MkDocs runs it
    "tools.shared": Rule(
        ours=("filesync_server", "tools.common"), any_other=True
    ),  # a process of the environment
    "build": Rule(ours=("tools",)),
}
OURS = ("filesync_web", "filesync_server", "demo", "examples", "tools", "tests", "bench")


@dataclass(frozen=True)
class Import:
    """One imported name: a module where it is known to be one, else the module and the name taken from it."""

    module: str
    name: str | None
    line: int
    lazy: bool


def check_tree(root: Path = ROOT) -> list[str]:
    """All violations under a project folder, one line each; empty when every module obeys."""
    public = _public_names(root / "filesync_web" / "__init__.py")
    problems: list[str] = []
    for path in _sources(root):
        module = _module_name(path.relative_to(root))
        tree = ast.parse(path.read_text(), str(path))
        place = path.relative_to(root)
        for found in _imports(tree, module, path.name == "__init__.py", root):
            problem = _judge(module, found, public)
            if problem:
                problems.append(f"{place}:{found.line}: {problem}")
    return problems


def _sources(root: Path) -> Iterator[Path]:
    for folder in ("filesync_web", "filesync_server", "demo", "examples", "tools"):
        yield from sorted((root / folder).rglob("*.py"))
    if (root / "build.py").exists():
        yield root / "build.py"


def _judge(module: str, found: Import, public: frozenset[str]) -> str | None:
    """Say what is wrong with one import, or None."""
    owner = _owner(module)
    rule, target = RULES[owner], found.module
    refused = f"{owner} must not import {target}"
    if rule.public_only and _within(target, ("filesync_web",)) and target not in PUBLIC_MODULES:
        if target == "filesync_web" and (found.name is None or found.name in public):
            return None
        return f"{owner} uses public names only, not {_full(found)}"
    if target == "filesync_web" and module != "filesync_web":
        return f"{module} imports the package's public face; import the module that defines {found.name}"
    if _within(target, rule.never):
        return refused
    if _within(target, rule.lazy):
        return None if found.lazy else f"{module} must import {target} inside a function"
    if _within(target, (owner, *rule.ours, *rule.others)):
        return None
    top = target.partition(".")[0]
    stranger_is_fine = top not in OURS and (rule.any_other or top in sys.stdlib_module_names)
    return None if stranger_is_fine else refused


def _owner(module: str) -> str:
    """The name of the rule that covers a module."""
    return max((name for name in RULES if _within(module, (name,))), key=len)


def _within(module: str, prefixes: Iterable[str]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


def _full(found: Import) -> str:
    return f"{found.module}.{found.name}" if found.name else found.module


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module, module: str, is_package: bool, root: Path) -> Iterator[Import]:
    """Every import of a module; those inside functions are lazy."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    outer = [node for node in ast.walk(tree) if isinstance(node, functions)]
    inside = {id(node) for function in outer for node in ast.walk(function)}
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "filesync_web"
    }
    for node in ast.walk(tree):
        lazy, line = id(node) in inside, getattr(node, "lineno", 0)
        for target, name in _imported(node, module, is_package, root):
            yield Import(target, name, line, lazy)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in aliases:
            yield Import("filesync_web", node.attr, line, lazy)


def _imported(node: ast.AST, module: str, is_package: bool, root: Path) -> Iterator[tuple[str, str | None]]:
    """The modules, or modules and names, that one node of the tree imports."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, module, is_package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield (inner, None) if _is_module(inner, root) else (base, alias.name)
    elif isinstance(node, ast.Call) and (literal := _dynamic(node)):
        yield literal, None


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The absolute module of a `from` import."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _dynamic(call: ast.Call) -> str | None:
    """The module that `import_module("...")` or `__import__("...")` names, where it is written out."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name not in {"import_module", "__import__"} or not call.args:
        return None
    literal = getattr(call.args[0], "value", None)
    return literal if isinstance(literal, str) else None


def _is_module(name: str, root: Path) -> bool:
    path = root.joinpath(*name.split("."))
    return name.partition(".")[0] in OURS and (path.with_suffix(".py").exists() or path.is_dir())


def _public_names(init: Path) -> frozenset[str]:
    """The names in `__all__`, read without importing."""
    for node in ast.parse(init.read_text()).body:
        if isinstance(node, ast.Assign) and any(
            getattr(target, "id", "") == "__all__" for target in node.targets
        ):
            return frozenset(ast.literal_eval(node.value))
    return frozenset()
