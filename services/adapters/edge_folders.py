"""From a folder of the edge file to what the watched folder needs, its mapping file read."""

from collections.abc import Callable
from pathlib import Path

from schemas.edge_folders import Folder
from services.adapters.files.mapped import read_mapping
from services.adapters.watched_folder import FolderSettings
from services.core.records import FileForm


def folder_settings(name: str, folder: Folder, at: Callable[[str], Path]) -> FolderSettings:
    """`at`: where a path of the file lies. Raises BadFile for a mapping file that cannot be used."""
    form, mapping = (FileForm(), None) if folder.mapping is None else read_mapping(at(folder.mapping))
    return FolderSettings(
        name, folder.source or name, at(folder.path), folder.files, form, mapping, folder.time_zone,
        folder.every / 1e6, folder.settled_after / 1e6, folder.last_line_after / 1e6,
    )  # fmt: skip
