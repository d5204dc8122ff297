"""A CSV workbench: keep tables, look at one, add up its columns, and save the sums as a new table."""

import csv
from contextlib import suppress

import filesync_web as fs
from js import document
from pyscript import when

TOKEN = "dev-token-change-in-production"
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="csv", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))
sums = {}


def element(name):
    return document.getElementById(name)


@when("change", "#chooser")
async def add(event):
    saved = await fs.save_files(event.target.files)
    await look_at(saved[-1].file_id)


@when("change", "#table")
async def choose(event):
    await look_at(event.target.value)


async def look_at(file_id):
    """Show the first rows of a table, and the sums of all of it, row by row: it may be large."""
    element("table").value = file_id
    sums.clear()
    element("rows").replaceChildren()
    async with fs.open_file(file_id, text=True, newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number == 0:
                show_row("th", row.keys())
            if number < 20:
                show_row("td", row.values())
            add_up(row)
    element("sums").textContent = ", ".join(f"{column}: {total:g}" for column, total in sums.items())
    element("save").disabled = not sums


def add_up(row):
    for column, cell in row.items():
        with suppress(ValueError, TypeError):  # it is no number
            sums[column] = sums.get(column, 0) + float(cell)


def show_row(tag, cells):
    line = element("rows").insertRow()
    for cell in cells:
        line.append(document.createElement(tag))
        line.lastChild.textContent = cell


@when("click", "#save")
async def save(event):
    name = element("table").selectedOptions.item(0).textContent
    async with fs.create_file(f"sums of {name}", text=True, newline="") as file:
        csv.writer(file).writerows([sums.keys(), sums.values()])


def show(records):
    chosen = element("table").value
    options = []
    for record in records:
        option = document.createElement("option")
        option.value, option.textContent = record.id, fs.get_file_metadata(record).name
        options.append(option)
    element("table").replaceChildren(*options)
    if chosen:
        element("table").value = chosen


live = kit.tables.files.where(deleted_at=None).order_by("created_at")
store.subscribe(live, show)
show(store.query(live))
element("sums").textContent = "ready"
