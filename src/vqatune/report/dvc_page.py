"""The page of `dvc plots show`, drawn without a network: `python -m vqatune.report.dvc_page` writes its template.

DVC's own template has the browser fetch Vega from the internet. This one has it inside, which is why it is made where it is
used and not kept in Git. DVC takes it once `dvc config --local plots.html_template plots_page.html` names it.
"""

from pathlib import Path

from vqatune.report.page.document import as_script, charting_script
from vqatune.tables import replacing

PATH = Path(".dvc/plots_page.html")

# DVC puts its content in place of {refresh_tag} and {plot_divs}.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>vqatune: plots</title>
<style>
body { margin: 0; padding: 1rem 1.25rem 3rem; font: 1rem/1.5 system-ui, "Noto Sans", "DejaVu Sans", sans-serif; color: #1c2227; }
body > div { max-width: 100%; overflow-x: auto; margin-bottom: 1.5rem; }
img { max-width: 100%; height: auto; }
</style>
<script>
{charting_script}
</script>
</head>
<body>
<h1>Plots</h1>
{plot_divs}
</body>
</html>
"""


def write_page_template(path: Path = PATH) -> None:
    """Write the template, the same bytes with the same packages."""
    page = _PAGE.replace("{charting_script}", as_script(charting_script()))
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_page_template()
