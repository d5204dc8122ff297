"""A Jupyter kernel, and the page of a widget played to it: `jupyter_page.py FOLDER`.

A program for the environment of `tools.notebooks`, which has jupyter_client and ipykernel. As JupyterLab
does, it sends the widget's messages to a subshell of the kernel, a thread of its own. Writes what the kernel
has saved of the chosen files to standard output, as JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

FILES = {"small.txt": b"hello", "big.bin": bytes(range(256)) * 5000}
TIMEOUT = 30.0

OPEN = """
import json
import threading

import filesync_web as fs
from filesync_web.notebook import FileSyncWidget

kit = fs.create_file_sync_schema()
materializers = kit.create_materializers(kit.tables)
schema = fs.make_schema(tables=kit.tables, events=kit.events, materializers=materializers)
store = await fs.open_store(schema, store_id="jupyter", data_dir={folder!r})
await fs.init_file_sync(store, remote=None)
picker = FileSyncWidget()
threads = set()
picker.on_msg(lambda *_message: threads.add(threading.current_thread()))
picker.model_id
"""
SAVED = """
names = [fs.get_file_metadata(file).name for file in store.query(kit.tables.files)]
lengths = [len(await fs.read_bytes(handle.file_id)) for handle in picker.value]
elsewhere = bool(threads - {threading.main_thread()})
json.dumps({"names": sorted(names), "lengths": lengths, "elsewhere": elsewhere})
"""
CLOSE = "picker.close(); await fs.dispose_file_sync(); await store.close()"


class PlayedPage:
    """The page's side of one kernel."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._comm = ""
        client.control_channel.send(client.session.msg("create_subshell_request", {}))
        self._subshell = client.get_control_msg(timeout=TIMEOUT)["content"]["subshell_id"]

    def run(self, code: str) -> Any:
        """Run a cell; returns the value of its last line."""
        found: list[Any] = []

        def output(message: Any) -> None:
            content = message["content"]
            if message["msg_type"] == "execute_result":
                found.append(content["data"]["text/plain"])
            elif message["msg_type"] in {"error", "stream"}:
                raise AssertionError(content.get("traceback") or content["text"])

        self._client.execute_interactive(code, timeout=TIMEOUT, output_hook=output)
        return found[0] if found else None

    def choose(self, comm: str) -> None:
        """Choose the files, and answer what is asked until they are saved."""
        self._comm = comm
        files = [{"name": name, "type": "", "size": len(data)} for name, data in FILES.items()]
        self._tell({"tell": "chosen", "choice": "1", "files": files})
        while (question := self._question())["ask"] != "forget":
            start, end = question["start"], question["end"]
            data = list(FILES.values())[question["position"]][start:end]
            about = {key: question[key] for key in ("choice", "position", "start")}
            self._tell({"tell": "piece", **about}, data)

    def _tell(self, content: dict[str, Any], *buffers: bytes) -> None:
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        message["header"]["subshell_id"] = self._subshell
        self._client.session.send(self._client.shell_channel.socket, message, buffers=[*buffers])

    def _question(self) -> dict[str, Any]:
        while True:
            message = self._client.get_iopub_msg(timeout=TIMEOUT)
            data = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and data.get("method") == "custom":
                question: dict[str, Any] = data["content"]
                return question


def main(folder: str) -> None:
    """Start a kernel, choose files in it, and tell what it has of them."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        page = PlayedPage(client)
        page.choose(page.run(OPEN.format(folder=folder)).strip("'"))
        saved = page.run(SAVED)
        page.run(CLOSE)
        sys.stdout.write(saved.strip("'"))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
