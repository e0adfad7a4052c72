"""The parts of a Word file: its XML, its relationships, and the file with rewritten parts."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from lxml import etree

from mailer.intake.word_parts.names import STRICT_NAMESPACES

_RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_CONTENT_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


@dataclass(frozen=True, slots=True)
class Relationship:
    """A reference from a part: `kind` is the last segment of its type, such as "hyperlink"."""

    kind: str
    target: str
    is_external: bool


@dataclass(slots=True)
class BodyPart:
    """A part with text: the document, the footnotes or the endnotes."""

    name: str
    root: Any
    relationships: dict[str, Relationship] = field(default_factory=dict)


class WordPackage:
    """The parts of one Word file.

    Raises KeyError if the file has no main document, XMLSyntaxError if a part is not XML, and
    zipfile's errors for a file that is not an archive."""

    def __init__(self, data: bytes) -> None:
        with ZipFile(BytesIO(data)) as file:
            self._contents = {name: file.read(name) for name in file.namelist()}
        self.main_name = self._find_main_name()
        self.relationships = self._read_relationships(self.main_name)
        self._bodies: list[BodyPart] | None = None

    def _find_main_name(self) -> str:
        for relationship in self._read_relationships("").values():
            name = relationship.target.lstrip("/")
            if (
                relationship.kind == "officeDocument"
                and name in self._contents
                and (name.startswith("word/") or b"wordprocessingml" in self._contents[name][:5000])
            ):
                return name
        names = [name for name in self._contents if re.fullmatch(r"word/document\d*\.xml", name)]
        if not names:
            raise KeyError("word/document.xml")
        return names[0]

    def _read_relationships(self, name: str) -> dict[str, Relationship]:
        folder, _, base = name.rpartition("/")
        data = self._contents.get(posixpath.join(folder, "_rels", f"{base}.rels"))
        if data is None:
            return {}
        return {
            element.get("Id", ""): Relationship(
                element.get("Type", "").rpartition("/")[2],
                element.get("Target", ""),
                element.get("TargetMode") == "External",
            )
            for element in _parse_xml(data).iter(f"{_RELATIONSHIPS}Relationship")
        }

    def locate_target(self, part_name: str, relationship: Relationship) -> str:
        """Return the name of the part that a relationship of `part_name` leads to."""
        if relationship.target.startswith("/"):
            return relationship.target.lstrip("/")
        folder = posixpath.dirname(part_name)
        return posixpath.normpath(posixpath.join(folder, relationship.target))

    def has_part(self, name: str) -> bool:
        return name in self._contents

    def list_xml_names(self) -> list[str]:
        return [name for name in self._contents if name.endswith((".xml", ".rels"))]

    def get_content(self, name: str) -> bytes | None:
        return self._contents.get(name)

    def get_content_type(self, name: str) -> str:
        """Return the media type that the file declares for a part, or ""."""
        data = self._contents.get("[Content_Types].xml")
        if data is None:
            return ""
        root = _parse_xml(data)
        for override in root.iter(f"{_CONTENT_TYPES}Override"):
            if override.get("PartName", "").lstrip("/") == name:
                return str(override.get("ContentType", ""))
        extension = name.rpartition(".")[2].lower()
        for default in root.iter(f"{_CONTENT_TYPES}Default"):
            if default.get("Extension", "").lower() == extension:
                return str(default.get("ContentType", ""))
        return ""

    def _find_name(self, kind: str) -> str:
        for relationship in self.relationships.values():
            if relationship.kind == kind and not relationship.is_external:
                name = self.locate_target(self.main_name, relationship)
                if name in self._contents:
                    return name
        return posixpath.join(posixpath.dirname(self.main_name), f"{kind}.xml")

    def find_part(self, kind: str) -> Any:
        """Return the tree of the part of a kind, such as "styles", or None."""
        data = self._contents.get(self._find_name(kind))
        return None if data is None else _parse_xml(data)

    def iterate_parts(self, kind: str) -> Iterator[Any]:
        """Yield the trees of all parts of a kind, such as the page headers."""
        pattern = re.compile(rf"word/{kind}\d*\.xml")
        for name, data in self._contents.items():
            if pattern.fullmatch(name):
                yield _parse_xml(data)

    def list_body_parts(self) -> list[BodyPart]:
        """Return the parts with text: the notes, and the document last.

        The trees are the package's own: changing a tree changes the package."""
        if self._bodies is None:
            names = [self._find_name("footnotes"), self._find_name("endnotes"), self.main_name]
            self._bodies = [
                BodyPart(name, _parse_xml(self._contents[name]), self._read_relationships(name))
                for name in names
                if name in self._contents
            ]
        return self._bodies

    def list_note_ids(self, kind: str) -> set[str]:
        """Return the ids of the footnotes or endnotes."""
        root = next(
            (part.root for part in self.list_body_parts() if part.name == self._find_name(kind)),
            None,
        )
        if root is None:
            return set()
        return {
            value
            for note in root
            for name, value in note.attrib.items()
            if isinstance(note.tag, str) and name.endswith("}id")
        }

    def replace_numbering(self, xml: bytes) -> None:
        self._contents[self._find_name("numbering")] = xml

    def to_bytes(self) -> bytes:
        """Return the file with its rewritten parts."""
        for part in self.list_body_parts():
            self._contents[part.name] = etree.tostring(
                part.root, encoding="UTF-8", xml_declaration=True
            )
        out = BytesIO()
        with ZipFile(out, "w") as file:
            for name, content in self._contents.items():
                file.writestr(name, content)
        return out.getvalue()


def _parse_xml(data: bytes) -> Any:
    if b"http://purl.oclc.org/ooxml/" in data:
        for strict, transitional in STRICT_NAMESPACES:
            data = data.replace(strict, transitional)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(data, parser)
