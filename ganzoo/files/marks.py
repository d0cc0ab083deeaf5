"""Provenance marks: files of samples say that they are synthetic, and which weights made them.

PNG and JPEG files carry the mark as XMP metadata, with IPTC's digital source type, which image programs and search
engines read. Other files get a JSON file beside them whose assertions are named as in C2PA's manifests; it is not
signed, so it informs and proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's vocabulary of digital source types."""

FOLDER_FILE = "provenance.json"
"""The mark of a folder of files that cannot carry their own."""

XMP = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<xmp:CreatorTool>{tool}</xmp:CreatorTool>
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{note}</rdf:li></rdf:Alt></dc:description>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
"""A packet of XMP (ISO 16684-1)."""

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
IHDR_END = 33
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def source_type(from_inputs: bool) -> str:
    """IPTC's digital source type: of media made by a trained model, alone or from given media."""
    return SOURCE_TYPES + ("compositeWithTrainedAlgorithmicMedia" if from_inputs else "trainedAlgorithmicMedia")


def marked(content: bytes, tool: str, note: Mapping[str, Any]) -> bytes | None:
    """The content of a PNG or JPEG file with a mark; None for a file of any other kind.

    tool: the program and its version. note: what made the samples, with IPTC's `digitalSourceType`.
    """
    if not content.startswith((PNG, JPEG)):
        return None
    values = {"tool": tool, "source": note["digitalSourceType"], "note": json.dumps(note)}
    packet = XMP.format(**{name: escape(str(value)) for name, value in values.items()}).encode()
    if content.startswith(PNG):
        # An uncompressed iTXt chunk, right after the header.
        body = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + packet
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return content[:IHDR_END] + chunk + content[IHDR_END:]
    # An APP1 segment, after the JFIF segment, which must come first.
    at = 2
    if content[2:4] == b"\xff\xe0":
        at += 2 + int.from_bytes(content[4:6], "big")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(JPEG_XMP) + len(packet)) + JPEG_XMP + packet
    return content[:at] + segment + content[at:]


def manifest(files: Mapping[str, bytes], tool: str, note: Mapping[str, Any]) -> bytes:
    """The JSON file for files that cannot carry a mark: their contents by name."""
    action = {"action": "c2pa.created", "softwareAgent": tool, "digitalSourceType": note["digitalSourceType"]}
    claim = {
        "claim_generator": tool,
        "signed": False,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [action]}},
            {"label": "ganzoo.samples", "data": dict(note)},
            {
                "label": "c2pa.hash.data",
                "data": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            },
        ],
    }
    return (json.dumps(claim, indent=1) + "\n").encode()


def manifest_path(file: Path) -> Path:
    """Where the JSON file of a file that cannot carry a mark is."""
    return file.with_name(f"{file.name}.{FOLDER_FILE}")


def mark_folder(folder: Path, tool: str, note: Mapping[str, Any]) -> None:
    """Mark all files in a new folder and its subfolders; those that cannot carry a mark get one JSON file."""
    others = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            with_mark = marked(content, tool, note)
            if with_mark is None:
                others[file.relative_to(folder).as_posix()] = content
            else:
                file.write_bytes(with_mark)
    if others:
        (folder / FOLDER_FILE).write_bytes(manifest(others, tool, note))
