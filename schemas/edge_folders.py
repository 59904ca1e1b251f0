"""The folders of an edge file: where others write files, and how these become events."""

from pydantic import Field

from schemas.edge_values import FilePath, Line
from schemas.plant_part import Part
from schemas.plant_values import LongDuration, PlantId, TimeZone


class Folder(Part):
    """A folder that is watched. Its files are read as they grow, and never moved or removed."""

    path: FilePath = Field(description="the folder; a relative one begins at the folder of this file")
    files: Line = Field(default="*", description="names of the files, such as *.csv; default all")
    mapping: FilePath | None = Field(
        default=None,
        description="mapping file; default: columns named like the fields of an event, events in lines of JSON, XES",
    )
    source: PlantId | None = Field(default=None, description="as whom events are sent; default the folder's name")
    time_zone: TimeZone | None = Field(
        default=None, description="IANA zone of times without an offset that the mapping says nothing about"
    )
    every: LongDuration = Field(
        default=2_000_000, json_schema_extra={"default": "2s"}, description="how often it is looked into; default 2s"
    )
    settled_after: LongDuration = Field(
        default=10_000_000,
        json_schema_extra={"default": "10s"},
        description="XES and Excel are read once nothing was written to them for so long; default 10s",
    )
    last_line_after: LongDuration = Field(
        default=600_000_000,
        json_schema_extra={"default": "10m"},
        description="a last line without its end is read once nothing was written for so long; default 10m",
    )
