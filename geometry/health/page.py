"""An audit as a page: the figure, and every table below it."""

import base64
from typing import TYPE_CHECKING

from geometry import pages
from geometry.figures import as_svg
from geometry.health.drawing import draw_audit
from geometry.tables import Table

if TYPE_CHECKING:
    import geometry.health.record

STYLE = """
figure{margin:14px 0;background:#fff;border:1px solid var(--line);border-radius:8px;padding:8px;max-width:1160px}
figure img{width:100%;display:block}
"""


def audit_page(audit: "geometry.health.record.Audit") -> str:
    """Return the whole page; it loads nothing from elsewhere."""
    summary, *parts = audit.tables()
    drawn = base64.b64encode(as_svg(draw_audit(audit, title=False), seed_text=audit.provenance())).decode("ascii")
    figure = f'<figure><img alt="lengths, signs, spectrum and hubs" src="data:image/svg+xml;base64,{drawn}"></figure>'
    body = [pages.table(Table((), summary.columns, summary.rows, summary.notes)), figure, *map(pages.table, parts)]
    return pages.page(audit.headline(), "\n".join(body), style=STYLE, footer=audit.provenance())
