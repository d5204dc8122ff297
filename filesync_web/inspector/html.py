"""A report as HTML, section by section; pure, and it knows the report alone.

Every text is escaped: names of files and messages of servers come from other people. There are no `style`
attributes, which a Content-Security-Policy may forbid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from filesync_web.core.shown_size import shown_size

Report = Mapping[str, Any]


class Section(NamedTuple):
    """One part of the panel: `hint` stands beside the title, also while it is closed."""

    key: str
    title: str
    hint: str
    body: str


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element with escaped children; `class_` is written `class`, `data_key` is written `data-key`."""
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children if child)
    return Markup(f"<{tag}{written}>{inner}</{tag}>")


def joined(parts: Iterable[Markup | None]) -> Markup:
    """Some elements, one after the other."""
    return Markup("".join(part for part in parts if part))


# --- the whole


def health(report: Report) -> tuple[str, str]:
    """How things stand: "good", "wait" or "bad", and a word for it."""
    if report.get("findings"):
        return "bad", "look here"
    transfers, store = _part(report, "transfers"), _part(report, "store")
    counts = transfers.get("counts") or {}
    busy = sum(number for name, number in counts.items() if name not in {"on_demand_count", "error_count"})
    pending = (store.get("sync") or {}).get("pending")
    return ("wait", "busy") if busy or pending else ("good", "up to date")


def findings(report: Report) -> Markup:
    """What may be wrong, as a list."""
    return joined(element("li", finding) for finding in report.get("findings", ()))


def sections(report: Report) -> list[Section]:
    """All of them, in the order in which they are shown; what the report lacks is left out."""
    made = {
        "transfers": ("Transfers", _transfers),
        "events": ("Last events", _events),
        "store": ("Store and event log", _store),
        "files": ("Files", _files),
        "storage": ("Storage", _storage),
        "remote": ("Signer", _table),
        "service_worker": ("Service worker", _table),
        "place": ("Place", _table),
        "kit": ("Versions and options", _table),
    }
    return [_section(key, *made[key], report) for key in made if key in report]


def _section(key: str, title: str, make: Any, report: Report) -> Section:
    part = report[key]
    if part is None:
        return Section(key, title, "none", element("p", "There is none.", class_="quiet"))
    if isinstance(part, dict) and set(part) == {"error"}:
        return Section(key, title, "fails", element("p", str(part["error"]), class_="bad"))
    hint, body = make(part, report)
    return Section(key, title, hint, body)


def _part(report: Report, name: str) -> Report:
    part = report.get(name)
    return part if isinstance(part, dict) else {}


# --- transfers and events


def _transfers(part: Report, report: Report) -> tuple[str, Markup]:
    counts = part["counts"]
    shown = {
        "uploading": counts["uploading_count"],
        "downloading": counts["downloading_count"],
        "queued": counts["queued_upload_count"] + counts["queued_download_count"],
        "elsewhere": counts["pending_upload_count"] + counts["pending_download_count"],
        "on demand": counts["on_demand_count"],
        "errors": counts["error_count"],
    }
    tiles = element("dl", *(_tile(name, number) for name, number in shown.items()), class_="tiles")
    rows = [_transfer(row, state) for state in ("running", "failed", "waiting") for row in part[state]]
    online = {True: "online", False: "offline", None: "not known yet"}[part["online"]]
    state = {
        "signer": online,
        "this tab": "leads" if _part(report, "store").get("leads") else "follows another one that leads",
        "jobs": ", ".join(f"{number} {kind}" for kind, number in (part["jobs"] or {}).items()) or "none here",
        "objects sent from here": f"{part['outbox']:,}",
    }
    idle = None if rows else element("p", "Nothing runs or waits.", class_="quiet")
    moving = shown["uploading"] + shown["downloading"]
    hint = f"{moving} running, {shown['queued']} queued" if moving or shown["queued"] else online
    return hint, joined([tiles, idle, _list(rows, "Transfers"), _facts(state)])


def _tile(name: str, number: int) -> Markup:
    is_bad = name == "errors" and number
    return element("div", element("dt", name), element("dd", f"{number:,}"), class_="bad" if is_bad else None)


def _transfer(row: Report, state: str) -> Markup:
    arrow = "↑" if row["kind"] == "upload" else "↓"
    total = row.get("total") or 0
    bar = text = None
    if state == "running":
        bar = element(
            "progress", max=total or None, value=row["loaded"] if total else None, aria_label=row["kind"]
        )
        text = f"{size(row['loaded'])} of {size(total)}" if total else None
    retry = row["retry"]
    again = None if retry is None else f"attempt {retry['attempts'] + 1} in {duration(retry['again_in'])}"
    details = [element("span", one, class_="quiet") for one in (state, text, again) if one]
    error = element("p", row["error"], class_="bad") if row["error"] else None
    name = element("strong", arrow, " ", row.get("name") or short(row["file_id"]), title=row["file_id"])
    return element("li", element("div", name, *details, class_="line"), bar, error)


def _events(part: Sequence[Report], report: Report) -> tuple[str, Markup]:
    rows = [
        element(
            "li",
            element(
                "div",
                _ago(event["at"], report["at"]),
                element("span", event["type"], class_=_kind_of(event["type"])),
                element("span", event.get("name") or short(event["file_id"] or ""), title=event["file_id"]),
                class_="line",
            ),
            element("p", event["error"], class_="bad") if event["error"] else None,
        )
        for event in part
    ]
    none = element("p", "None in this tab so far.", class_="quiet")
    return f"{len(rows)}" if rows else "none", _list(rows, "Last events") if rows else none


def _kind_of(event_type: str) -> str | None:
    if event_type.endswith((":error", ":exhausted", ":conflict", "offline")):
        return "bad"
    return "good" if event_type.endswith((":complete", "online")) else None


# --- the store


def _store(part: Report, report: Report) -> tuple[str, Markup]:
    log, sync = part["log"], part["sync"]
    ids = {"store": part["store_id"], "this device": part["client_id"], "this tab": part["session_id"]}
    facts = {
        "confirmed": f"{log['confirmed']:,}",
        "pending": f"{log['pending']:,}",
        "rebases": f"{log['rebases']:,}",
        "not in the saved state": f"{log['unsaved']:,}",
        "epoch": log["epoch"],
        "backend": log["backend_id"] or "none yet",
    }
    told = [_facts(ids), element("h3", "Event log"), _facts(facts)]
    told.append(_named("To be pushed next", log["first_pending"], "id"))
    told.append(_named("Confirmed last", log["last_confirmed"][::-1], "number"))
    if sync is None:
        return "on this device only", joined(told)
    told += [element("h3", "Metadata sync"), _facts(sync)]
    hint = "connected" if sync["connected"] else "not connected"
    return f"{hint}, {log['pending']:,} pending", joined(told)


def _named(title: str, events: Sequence[Report], number: str) -> Markup:
    if not events:
        return Markup()
    rows = [
        element(
            "li",
            element("code", str(event[number])),
            " ",
            event["name"],
            element("span", " by ", short(event["by"]), class_="quiet") if "by" in event else None,
        )
        for event in events
    ]
    summary = element("summary", f"{title} ({len(rows)})")
    return element("details", summary, _list(rows, title), data_key=title)


# --- files


def _files(part: Sequence[Report], report: Report) -> tuple[str, Markup]:
    found = joined(_file(file, report["at"]) for file in part)
    return f"{len(part)} shown", found or element("p", "No file has that name.", class_="quiet")


def _file(file: Report, now: str) -> Markup:
    state = _state_of(file)
    title = element("strong", file.get("name") or short(file["id"]), title=file["id"])
    facts = {
        "id": file["id"],
        "type, size": f"{file['mime_type'] or 'unknown'}, {size(file['size_bytes'])}",
        "here": "no" if file["bytes_here"] is None else f"yes, {size(file['bytes_here'])}",
        "hash": file["content_hash"],
        "remote key": file["remote_key"] or "not uploaded",
        "upload, download": f"{file['upload'] or 'none'}, {file['download'] or 'none'}",
        "asked of it": ", ".join(_asked(file)) or "nothing",
        "waits for confirmation": ", ".join(file["unconfirmed_events"]) or "nothing",
    }
    if file["retry"]:
        facts["failed"] = f"{file['retry']['attempts']} times, again in {duration(file['retry']['again_in'])}"
    error = element("p", file["error"], class_="bad") if file["error"] else None
    history = element("ol", *(_version(v, now) for v in reversed(file["versions"])), class_="history")
    badge = element("span", state, class_=_BADGES.get(state, "quiet"))
    summary = element("summary", title, badge, _ago(file["updated_at"], now))
    return element("details", summary, error, history, _facts(facts), data_key=file["id"], class_="file")


_BADGES = {"error": "bad", "synced": "good"}


def _state_of(file: Report) -> str:
    if file["deleted_at"]:
        return "deleted"
    if "error" in {file["upload"], file["download"]}:
        return "error"
    if file["control"]:
        return str(file["control"])
    for kind, running in (("upload", "uploading"), ("download", "downloading")):
        if file[kind] == "inProgress":
            return running
    if not file["remote_key"]:
        return "not uploaded"
    return "remote only" if file["bytes_here"] is None else "synced"


def _asked(file: Report) -> list[str]:
    return [*(name for name in ("pinned", "evicted") if file[name]), *filter(None, [file["control"]])]


def _version(version: Report, now: str) -> Markup:
    who = "this device" if version["by_this_device"] else short(version["by"])
    conflict = f"conflict: {version['conflict']}" if version["conflict"] else ""
    marks = [conflict, "purged" if version["is_purged"] else ""]
    where = "uploaded" if version["remote_key"] else "not uploaded"
    return element(
        "li",
        element(
            "div",
            element("code", short(version["content_hash"]), title=version["content_hash"]),
            element("span", "by ", who, title=version["by"]),
            _ago(version["made_at"], now),
            element("span", where, class_="quiet", title=version["remote_key"] or None),
            *(element("span", mark, class_="bad") for mark in marks if mark),
            class_="line",
        ),
    )


# --- storage


def _storage(part: Report, _report: Report) -> tuple[str, Markup]:
    kinds = {name: part[name] or 0 for name in ("live", "versions", "trash", "thumbnails")}
    usage, quota = part["usage"], part["quota"]
    hint = f"{size(usage)} of {size(quota)}" if quota else size(sum(kinds.values()))
    facts: dict[str, Any] = {
        "kept by the browser": {True: "promised", False: "not promised", None: "it does not tell"}[
            part["persisted"]
        ],
        "used, quota": f"{size(usage)}, {size(quota)}",
    }
    for name in ("store", "own"):
        if part["remote"]:
            told = part["remote"][name]
            limit = f" of {size(told['max_bytes'])}" if told["max_bytes"] is not None else ""
            facts[f"server, {name}"] = f"{size(told['bytes'])}{limit}, {told['files']:,} files"
    return hint, joined([_bar(kinds), _legend(kinds), _facts(facts)])


def _bar(kinds: Mapping[str, int]) -> Markup:
    """The kinds as one bar."""
    whole, at, parts = sum(kinds.values()) or 1, 0.0, []
    for name, number in kinds.items():
        width = 100 * number / whole
        parts.append(element("rect", x=f"{at:.2f}", width=f"{width:.2f}", height=4, class_=f"fill-{name}"))
        at += width
    return element(
        "svg", *parts, viewBox="0 0 100 4", preserveAspectRatio="none", class_="bar", aria_hidden="true"
    )


def _legend(kinds: Mapping[str, int]) -> Markup:
    rows = (
        element("div", element("dt", element("i", class_=f"back-{name}"), name), element("dd", size(number)))
        for name, number in kinds.items()
    )
    return element("dl", *rows, class_="tiles")


# --- what has no picture of its own


def _table(part: Report, _report: Report) -> tuple[str, Markup]:
    hints = ("url", "state", "version", "context", "system")
    hint = next((str(part[name]) for name in hints if part.get(name)), "")
    return hint, _facts(part)


def _facts(facts: Report) -> Markup:
    """Names and values; values with members are told below each other."""
    rows = (
        element("div", element("dt", name.replace("_", " ")), element("dd", _value(value)))
        for name, value in facts.items()
    )
    return element("dl", *rows, class_="facts")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _facts(value) if value else "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return str(value) if value != "" else "–"


def _list(rows: Iterable[Markup], name: str) -> Markup:
    """A list that may be long: it scrolls, by keys as well."""
    return element("ul", *rows, class_="rows", tabindex=0, aria_label=name)


def _ago(then: str | None, now: str) -> Markup:
    """How long ago that was, with the time itself for who points at it."""
    try:
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(then or "")).total_seconds()
    except ValueError:  # there is none, or a part of it was taken out since an app's header has the same text
        return element("time", "at an unknown time", class_="quiet")
    text = f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"
    return element("time", text, datetime=then, title=then, class_="quiet")


def duration(seconds: float) -> str:
    """Seconds as a reader wants them."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} days"


def size(number: float | None) -> str:
    """Bytes as a reader wants them."""
    return "unknown" if number is None else shown_size(number)


def short(some_id: str) -> str:
    """An id or a hash as far as one looks at it."""
    return some_id[:8]
