"""A small browser on WebKitGTK, for tests. The system's Python runs it, which has the bindings of GTK.

    /usr/bin/python3 webkit_browser.py <folder of the profile> [late]

Lines of JSON on its standard input tell it what to do; it answers by lines on its standard output:

    {"id": 1, "do": "open"}                                ->  {"id": 1, "value": 1}, the number of the tab
    {"id": 2, "do": "evaluate", "tab": 1, "script": "..."} ->  {"id": 2, "value": "..."}
    what cannot be done                                    ->  {"id": 3, "error": "..."}
    what a page reports by itself                          ->  {"tab": 1, "said": "..."}

It ends when its standard input does. `webkit.py` is the other end. With `late` it switches the features of a
page on when that is there already: service workers do not get them then.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import gi  # type: ignore[import-not-found] # the bindings belong to another Python

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gio, GLib, Gtk, WebKit2  # type: ignore[import-not-found] # noqa: E402

FEATURES = {"AccessHandle", "FileSystem", "FileSystemWritableStream", "StorageAPI", "StorageAPIEstimate"}
"""What Safari has, and WebKitGTK only on request."""

REPORT_ERRORS = """
const say = (text) => webkit.messageHandlers.said.postMessage(String(text));
addEventListener("error", (event) => event.error && say(`uncaught ${event.error}\\n${event.error.stack}`));
addEventListener("unhandledrejection", ({ reason }) => say(`uncaught ${reason}\\n${reason?.stack}`));
for (const kind of ["error", "warn"]) {
  const original = console[kind];
  console[kind] = (...words) => { say(`${kind}: ${words.join(" ")}`); original.apply(console, words); };
}
"""

Answer = Callable[..., None]
"""Called once for each command: `answer(value)`, or `answer(error="...")`."""


def switch_features_on(settings: Any) -> None:
    """Give a page what Safari has."""
    features = WebKit2.Settings.get_all_features()
    for feature in map(features.get, range(features.get_length())):
        if feature.get_identifier() in FEATURES:
            settings.set_feature_enabled(feature, True)


class Tab:
    """A window with one page. `loading` answers whoever waits for the page to be there."""

    def __init__(self, browser: Browser, number: int) -> None:
        self.number = number
        self.loading: Answer | None = None
        self.chosen: list[str] = []
        content = WebKit2.UserContentManager()
        frames, start = WebKit2.UserContentInjectedFrames.TOP_FRAME, WebKit2.UserScriptInjectionTime.START
        content.add_script(WebKit2.UserScript.new(REPORT_ERRORS, frames, start, None, None))
        content.connect("script-message-received::said", lambda _content, said: browser.tell(number, said))
        content.register_script_message_handler("said")
        settings = WebKit2.Settings(enable_write_console_messages_to_stdout=True)
        if not browser.is_late:
            switch_features_on(settings)
        self.view = WebKit2.WebView(
            web_context=browser.context, settings=settings, user_content_manager=content
        )
        switch_features_on(settings)
        self.view.connect("load-changed", self._on_load_changed)
        self.view.connect("load-failed", self._on_load_failed)
        self.view.connect("run-file-chooser", self._on_file_chooser)
        self.window = Gtk.Window(default_width=1200, default_height=900)
        self.window.add(self.view)
        self.window.show_all()

    def loaded(self, **outcome: Any) -> None:
        """Answer whoever waits."""
        waiting, self.loading = self.loading, None
        if waiting:
            waiting(**outcome)

    def _on_load_changed(self, _view: Any, event: Any) -> None:
        if event == WebKit2.LoadEvent.FINISHED:
            self.loaded()

    def _on_load_failed(self, _view: Any, _event: Any, uri: str, error: Any) -> bool:
        self.loaded(error=f"{uri}: {error.message}")
        return True

    def _on_file_chooser(self, _view: Any, request: Any) -> bool:
        request.select_files(self.chosen)
        return True


class Browser:
    """All tabs of one profile. Each command is a public method, which takes `answer` and its arguments."""

    def __init__(self, profile: str, output: TextIO, *, is_late: bool) -> None:
        self.is_late = is_late
        self._output = output
        data = WebKit2.WebsiteDataManager(
            base_data_directory=f"{profile}/data", base_cache_directory=f"{profile}/cache"
        )
        self.context = WebKit2.WebContext(website_data_manager=data)
        self._tabs: dict[int, Tab] = {}

    def receive(self, line: str) -> None:
        """Do what a line asks for."""
        command = json.loads(line)
        number, what = command.pop("id"), command.pop("do")

        def answer(value: Any = None, error: str | None = None) -> None:
            self._write({"id": number, "value": value} if error is None else {"id": number, "error": error})

        if "tab" in command:
            command["tab"] = self._tabs[command["tab"]]
        getattr(self, what)(answer, **command)

    def tell(self, tab: int, said: Any) -> None:
        """Pass on what a page reports."""
        self._write({"tab": tab, "said": said.get_js_value().to_string()})

    def _write(self, message: dict[str, Any]) -> None:
        self._output.write(f"{json.dumps(message)}\n")
        self._output.flush()

    def open(self, answer: Answer) -> None:
        """A new tab: its number."""
        number = len(self._tabs) + 1
        self._tabs[number] = Tab(self, number)
        answer(number)

    def go(self, answer: Answer, tab: Tab, url: str) -> None:
        """Load a page; answers when it is loaded."""
        tab.loading = answer
        tab.view.load_uri(url)

    def reload(self, answer: Answer, tab: Tab) -> None:
        """Load it again."""
        tab.loading = answer
        tab.view.reload()

    def close(self, answer: Answer, tab: Tab) -> None:
        """Close a tab."""
        tab.window.destroy()
        answer()

    def kill(self, answer: Answer, tab: Tab) -> None:
        """End the process of a page, as a crash would."""

        def ended(_view: Any, _reason: Any) -> None:
            tab.view.disconnect(signal)
            answer()

        signal = tab.view.connect("web-process-terminated", ended)
        tab.view.terminate_web_process()

    def choose(self, answer: Answer, tab: Tab, paths: list[str]) -> None:
        """What the person will choose in the page's file choosers."""
        tab.chosen = paths
        answer()

    def evaluate(self, answer: Answer, tab: Tab, script: str) -> None:
        """Run the body of an asynchronous function; the answer is the text that it returns."""

        def ended(view: Any, result: Any) -> None:
            try:
                answer(view.call_async_javascript_function_finish(result).to_string())
            except GLib.Error as error:
                answer(error=error.message)

        tab.view.call_async_javascript_function(script, -1, None, None, None, None, ended)


def main() -> None:
    """Serve commands until there are no more."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what WebKit says itself goes to the log
    # Pages see it as `prefers-reduced-motion`: each frame is drawn by the processor here.
    Gtk.Settings.get_default().set_property("gtk-enable-animations", False)
    browser = Browser(sys.argv[1], output, is_late="late" in sys.argv)
    commands = Gio.DataInputStream.new(Gio.UnixInputStream.new(0, False))

    def received(stream: Any, result: Any) -> None:
        line, _length = stream.read_line_finish_utf8(result)
        if line is None:
            Gtk.main_quit()
            return
        browser.receive(line)
        stream.read_line_async(GLib.PRIORITY_DEFAULT, None, received)

    commands.read_line_async(GLib.PRIORITY_DEFAULT, None, received)
    Gtk.main()


if __name__ == "__main__":
    main()
