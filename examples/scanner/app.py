"""A scanner: photographs of pages become one PDF, which is kept and synced. The PDF is made by pypdf."""

import asyncio
from datetime import datetime

import filesync_web as fs
from js import Object, OffscreenCanvas, createImageBitmap, document
from pyodide.ffi import to_js
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, StreamObject
from pyscript import when

TOKEN = "dev-token-change-in-production"
LONGEST = 1600
"""Pixels of a page's longer side."""

kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="scans", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))


async def as_jpeg(photo):
    """A photograph as a page: grey, with more contrast, and no larger than needed."""
    bitmap = await createImageBitmap(photo)
    scale = min(1, LONGEST / max(bitmap.width, bitmap.height))
    width, height = round(bitmap.width * scale), round(bitmap.height * scale)
    canvas = OffscreenCanvas.new(width, height)
    context = canvas.getContext("2d")
    context.filter = "grayscale(1) contrast(1.3)"
    context.drawImage(bitmap, 0, 0, width, height)
    how = to_js({"type": "image/jpeg", "quality": 0.8}, dict_converter=Object.fromEntries)
    blob = await canvas.convertToBlob(how)
    return (await blob.arrayBuffer()).to_bytes(), width, height


def add_page(pdf, jpeg, width, height):
    """A page that shows nothing but the picture. A PDF may have JPEGs as they are."""
    picture, drawing = StreamObject(), StreamObject()
    picture.set_data(jpeg)
    names = {"Type": "XObject", "Subtype": "Image", "ColorSpace": "DeviceRGB", "Filter": "DCTDecode"}
    numbers = {"Width": width, "Height": height, "BitsPerComponent": 8}
    picture.update({NameObject(f"/{key}"): NameObject(f"/{name}") for key, name in names.items()})
    picture.update({NameObject(f"/{key}"): NumberObject(number) for key, number in numbers.items()})
    drawing.set_data(f"{width} 0 0 {height} 0 0 cm /Scan Do".encode())
    pictures = DictionaryObject({NameObject("/Scan"): pdf._add_object(picture)})
    page = pdf.add_blank_page(width, height)
    page[NameObject("/Contents")] = pdf._add_object(drawing)
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): pictures})


@when("change", "#chooser")
async def scan(event):
    pdf = PdfWriter()
    for photo in event.target.files:
        add_page(pdf, *await as_jpeg(photo))
    async with fs.create_file(f"Scan {datetime.now().astimezone():%Y-%m-%d %H.%M.%S}.pdf") as file:
        pdf.write(file)
    document.getElementById("status").value = f"saved, {len(pdf.pages)} pages"


def show(records):
    items = []
    for record in records:
        item, link = document.createElement("li"), document.createElement("a")
        link.textContent = link.download = fs.get_file_metadata(record).name
        item.append(link)
        items.append(item)
        asyncio.ensure_future(load(link, record.id))
    document.getElementById("documents").replaceChildren(*items)


async def load(link, file_id):
    if url := await fs.resolve_file_url(file_id):
        link.href = url


live = kit.tables.files.where(deleted_at=None).order_by("created_at")
store.subscribe(live, show)
show(store.query(live))
document.getElementById("status").value = "ready"
