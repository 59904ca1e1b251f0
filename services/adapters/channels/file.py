"""Reads the channels file. It holds secrets: it is refused where others can read it, and no error repeats one."""

import os
from pathlib import Path

from schemas.channels import ChannelsDocument, ChannelsError, load_channels


class BadChannels(Exception):
    """The channels file cannot be used; the message names file, line and key."""


def read_channels(path: Path) -> ChannelsDocument:
    """The file, checked. Raises BadChannels."""
    try:
        if os.stat(path).st_mode & 0o077:
            raise BadChannels(f"{path} can be read by others: chmod 600 {path} 其他用户可以读取该文件")
        return load_channels(path.read_text("utf-8-sig"))
    except OSError as error:
        raise BadChannels(f"{path} cannot be read: {error.strerror} 无法读取通道文件") from None
    except UnicodeDecodeError:
        raise BadChannels(f"{path}: not UTF-8 不是 UTF-8") from None
    except ChannelsError as error:
        said = [f"{path}:{p.line}: {p.key}: {p.en} / {p.zh}" for p in error.problems]
        raise BadChannels("\n".join(said)) from None
