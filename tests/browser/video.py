"""A video of any size, made by the browser that plays it: a WebM of 2 Mbit a second and few pictures.

A picture shows its number as ten bars, black for 0 and white for 1, the lowest bit first.
"""

from __future__ import annotations

import base64
import struct
from pathlib import Path

from playwright.sync_api import Page

WIDTH, HEIGHT = 160, 90
BLOCK = 1 << 20
SECONDS = 4
"""Each picture is shown for so long, and takes so much of the file, most of it padding."""

_ENCODE = """
async ([width, height, pictures]) => {
    const frames = [];
    let failure = null;
    const output = (chunk) => {
        const bytes = new Uint8Array(chunk.byteLength);
        chunk.copyTo(bytes);
        frames.push(btoa(String.fromCharCode(...bytes)));
    };
    const encoder = new VideoEncoder({ output, error: (error) => { failure = error; } });
    encoder.configure({ codec: "vp8", width, height, bitrate: 1e6 });
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    for (let number = 0; number < pictures; number += 1) {
        for (let bit = 0; bit < 10; bit += 1) {
            context.fillStyle = (number >> bit) & 1 ? "white" : "black";
            context.fillRect((bit * width) / 10, 0, width / 10, height);
        }
        const frame = new VideoFrame(canvas, { timestamp: number * 1e6 });
        encoder.encode(frame, { keyFrame: true });
        frame.close();
    }
    await encoder.flush();
    if (failure) throw failure;
    return frames;
}
"""


def write_video(page: Page, path: Path, mib: int) -> None:
    """Write a video of as many pictures, each a cluster padded to 1 MiB."""
    frames = [base64.b64decode(frame) for frame in page.evaluate(_ENCODE, [WIDTH, HEIGHT, mib])]
    assert len(frames) == mib
    header = _header(mib)
    start = len(header) + len(_cues([0] * mib))
    clusters = [_cluster(number, frame) for number, frame in enumerate(frames)]
    places = [start + number * BLOCK for number in range(mib)]
    body = header + _cues(places)
    size = len(body) + mib * BLOCK
    with path.open("wb") as file:
        file.write(_element(0x1A45DFA3, _ebml()))
        file.write(_id(0x18538067) + _size(size) + body)
        for cluster in clusters:
            file.write(cluster + _void(BLOCK - len(cluster)))


def _ebml() -> bytes:
    return _element(0x4282, b"webm") + _element(0x4287, _number(2)) + _element(0x4285, _number(2))


def _header(pictures: int) -> bytes:
    info = (
        _element(0x2AD7B1, _number(1_000_000))
        + _element(0x4489, struct.pack(">d", _time(pictures)))
        + _element(0x4D80, b"test")
        + _element(0x5741, b"test")
    )
    video = _element(0xB0, _number(WIDTH)) + _element(0xBA, _number(HEIGHT))
    track = (
        _element(0xD7, _number(1))
        + _element(0x73C5, _number(1))
        + _element(0x83, _number(1))
        + _element(0x86, b"V_VP8")
        + _element(0xE0, video)
    )
    return _element(0x1549A966, info) + _element(0x1654AE6B, _element(0xAE, track))


def _cues(places: list[int]) -> bytes:
    points = b""
    for number, place in enumerate(places):
        position = _element(0xF7, _number(1)) + _element(0xF1, _number(place, 8))
        points += _element(0xBB, _element(0xB3, _number(_time(number), 8)) + _element(0xB7, position))
    return _element(0x1C53BB6B, points)


def _cluster(number: int, frame: bytes) -> bytes:
    block = b"\x81\x00\x00\x80" + frame  # track 1, at the cluster's own time, a key frame
    return _element(0x1F43B675, _element(0xE7, _number(_time(number), 8)) + _element(0xA3, block))


def _time(number: int) -> int:
    return number * SECONDS * 1000


def _void(size: int) -> bytes:
    return _id(0xEC) + _size(size - 9) + bytes(size - 9)


def _element(kind: int, data: bytes) -> bytes:
    return _id(kind) + _size(len(data)) + data


def _id(kind: int) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big")


def _size(size: int) -> bytes:
    """A size in eight bytes, whatever it is."""
    return ((1 << 56) | size).to_bytes(8, "big")


def _number(value: int, width: int = 0) -> bytes:
    return value.to_bytes(width or (value.bit_length() + 7) // 8 or 1, "big")
