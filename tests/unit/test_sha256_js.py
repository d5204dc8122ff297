"""The browser's incremental SHA-256, run by Node against hashlib."""

from __future__ import annotations

import hashlib
import json
import subprocess

from tests.contract.site import content
from tools.common import ROOT

# The sizes around the edges of a block, of the padding, and of the script's own buffer of 196,544 bytes.
SIZES = [
    0,
    1,
    3,
    55,
    56,
    57,
    63,
    64,
    65,
    119,
    120,
    121,
    128,
    1000,
    196_543,
    196_544,
    196_545,
    393_088,
    700_001,
]
STEPS = [1, 7, 63, 64, 65, 4096, 65_536, 200_000]

SCRIPT = """
const jobs = JSON.parse(require("fs").readFileSync(0));
const hex = ({ data, step }) => {
  const bytes = new Uint8Array(Buffer.from(data, "hex"));
  const sha = new Sha256();
  for (let at = 0; at < bytes.length; at += step) sha.update(bytes.subarray(at, at + step));
  if (sha.length !== bytes.length) throw new Error("wrong length");
  return sha.hex();
};
console.log(JSON.stringify(jobs.map(hex)));
"""


def run(jobs: list[dict[str, object]]) -> list[str]:
    source = (ROOT / "filesync_web/browser/sha256.js").read_text() + SCRIPT
    done = subprocess.run(
        ["node", "-e", source], input=json.dumps(jobs), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_it_agrees_with_hashlib_for_every_size_and_step() -> None:
    cases = [(size, step) for size in SIZES for step in STEPS if size / step < 100_000]
    jobs = [{"data": content(size).hex(), "step": step} for size, step in cases]
    assert run(jobs) == [hashlib.sha256(content(size)).hexdigest() for size, _step in cases]


def test_the_standards_own_examples() -> None:
    examples = [b"abc", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", b"a" * 1_000_000]
    expected = [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ]
    assert run([{"data": example.hex(), "step": 10_007} for example in examples]) == expected
