"""The pictures of a fetched page and of a Word file come along as assets."""

from pathlib import Path

from mailer import assets, sources
from mailer.app import Mailer
from mailer.intake.drafts import DraftDefaults
from mailer.intake.source_reader import build_entry
from mailer.intake.sources import fetch_page, load_word_file
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.intake.site import LoopbackSite, build_answer
from tests.pictures import draw_photo
from tests.unit.intake.factories import create_blank_document

PAGE = """<!doctype html><html lang="en"><head><title>A clinic opens</title>
<meta property="og:image" content="{lead}"><meta property="og:image:alt" content="The door">
</head><body><article><h1>A clinic opens</h1>
<p>Visitors are welcome in the new clinic at the harbour, which opens its doors on Friday.</p>
<p><img src="{inner}" alt="A nurse"></p>
<p>The nurses speak six languages, and nobody needs an appointment to be seen there.</p>
<p><img src="{missing}" alt="A queue"></p>
<p>The clinic is open until six in the evening, and the last boat leaves at seven.</p>
</article></body></html>"""


def test_pictures_of_a_page_are_fetched_with_it(mailer: Mailer, site: LoopbackSite) -> None:
    lead, inner, missing = (site.build_url(f"/{name}.jpg") for name in ("lead", "inner", "missing"))
    page = PAGE.format(lead=lead, inner=inner, missing=missing).encode()
    site.answer_with("/clinic", build_answer(page, "Content-Type: text/html; charset=utf-8"))
    for name, width in (("lead", 800), ("inner", 640)):
        picture = build_answer(draw_photo(width, 480), "Content-Type: image/jpeg")
        site.answer_with(f"/{name}.jpg", picture)
    site.answer_with("/missing.jpg", build_answer(status="404 Not Found"))
    draft = fetch_page(site.build_url("/clinic"), DraftDefaults(NOW), guard=site.create_guard())
    assert {picture.name for picture in draft.shown_pictures} == {"lead.jpg", "inner.jpg"}
    kinds = {omission.kind: omission.example for omission in draft.omissions}
    assert kinds["nothing, but a picture stays on its own site"] == missing
    with mailer.store.begin() as tx:
        article, _ = sources.import_draft(tx, STAFF, build_entry(draft), NOW)
        assert article.image
        assert tx.assets.find_asset(assets.find_hashes(article.image.url)[0])
        assert len(tx.assets.list_assets()) == 2
    assert article.image.alt == "The door"
    assert "asset:" in article.html
    assert inner not in article.html
    assert f'src="{missing}"' in article.html


def test_pictures_of_a_word_file_become_assets(mailer: Mailer, tmp_path: Path) -> None:
    (tmp_path / "quay.jpg").write_bytes(draw_photo(640, 480))
    document = create_blank_document()
    document.add_paragraph("Ten towns open their doors", style="Title")
    document.add_picture(str(tmp_path / "quay.jpg"))
    document.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    document.add_paragraph("Ten towns will keep their halls open.")
    document.save(str(tmp_path / "towns.docx"))
    draft = load_word_file(tmp_path / "towns.docx", DraftDefaults(NOW))
    with mailer.store.begin() as tx:
        article, _ = sources.import_draft(tx, STAFF, build_entry(draft), NOW)
        (asset,) = tx.assets.list_assets()
    assert article.image
    assert (article.image.url, article.image.alt) == (asset.reference, "A quay at dusk")
    assert article.body == "Ten towns will keep their halls open."
