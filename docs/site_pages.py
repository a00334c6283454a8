"""A hook of MkDocs: what lies outside of docs/ becomes pages of the site, and links between the two lead there."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "params.yaml": "params.yaml",
}
"""Files at the root of the repository → their names in the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of OUTSIDE, with links as from docs/."""
    root = Path(config.config_file_path).parent
    for name, page in OUTSIDE.items():
        text = (root / name).read_text(encoding="utf-8")
        if name.endswith(".md"):
            text = re.sub(r"\]\((?!\w+:|#)(?:docs/)?", "](", text)
            for other, its_page in OUTSIDE.items():
                text = text.replace(f"]({other}", f"]({its_page}")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of OUTSIDE, which lie a folder above docs/, into links to their pages."""
    for name, its_page in OUTSIDE.items():
        markdown = markdown.replace(f"](../{name}", f"]({its_page}")
    return markdown
