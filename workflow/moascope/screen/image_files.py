"""Checks of the image files that a screen names: each exists and is named once."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from moascope.core.text.cell_text import amount, clean, describe_difference
from moascope.core.text.escaping import has_controls, show
from moascope.screen.formats.image_folders import IMAGE_SUFFIXES
from moascope.screen.problems import Problems
from moascope.screen.tables.path_names import NamesOnDisk, common_folders, is_absolute

if TYPE_CHECKING:
    from moascope.screen.read_rows import SampleRows

logger = logging.getLogger(__name__)

_ROOT_ADVICE = "set input.images to the folder that holds all images, and give paths below it"
_QUARANTINE_ADVICE = "or set input.on_bad_image: quarantine to go on without its site"
_MAX_MISSING = 0.5  # share of the sites of a plate
_PLANE = re.compile(r"-1|[0-9]{1,9}")


def image_columns(
    rows: SampleRows,
    channels: list[str],
    check_files: bool,
    problems: Problems,
    *,
    on_bad_image: str = "error",
    path_prefix: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Find the image files of every site.

    Parameters
    ----------
    rows : SampleRows
        Rows of the screen.
    channels : list of str
        Names of the channels, in order.
    check_files : bool
        Look for the files. Without it `bytes` and `mtime_ns` are -1.
    problems : Problems
        Takes files that are not named, not there, named twice, or outside the image folder.
    on_bad_image : {"error", "quarantine"}
        With quarantine, files that are not named or not there are only counted in a warning, unless
        more than half of the sites of a plate lack one. Reading the plate leaves these sites out.
    path_prefix : mapping of str to str, optional
        Replacements of the beginning of paths, for messages; see `path_names.map_prefixes`.

    Returns
    -------
    pandas.DataFrame
        Per channel `path:{ch}` (str, absolute), `index:{ch}`, `bytes:{ch}` and `mtime_ns:{ch}`
        (int64), under the index of `rows.table`; a channel that the configuration misnames is left
        out.
    """
    table, places = rows.table, rows.table["place"]
    leaves_out = on_bad_image == "quarantine"
    absent: dict[str, str] = {}
    columns: dict[str, pd.Series] = {}
    images: dict[str, pd.DataFrame] = {}
    foreign: list[pd.DataFrame] = []
    for channel in channels:
        label = rows.labels.get(f"file:{channel}")
        if label is None:
            continue
        paths = _absolute_paths(table[f"file:{channel}"], table["root"])
        if check_files:
            paths = _names_on_disk(paths, table["root"], label, places, problems)
        planes = _planes(rows, channel, problems)
        columns |= {f"path:{channel}": paths, f"index:{channel}": planes}
        # Channels that are planes of the same files are checked once.
        if label not in images:
            if not leaves_out:
                _check_blank(rows, channel, label, problems)
            usable, outside = _usable_paths(table[f"file:{channel}"], paths, label, rows, problems)
            foreign.append(outside.assign(label=rows.labels.get(f"folder:{channel}", label)))
            image = {"path": paths, "plane": planes, "label": label, "root": table["root"]}
            images[label] = pd.DataFrame(image)[usable]
    if not images:
        return pd.DataFrame(index=table.index)
    _refuse_foreign(pd.concat(foreign), places, problems)
    every = pd.concat(images.values())
    _check_repeated_images(every, places, problems)
    facts = (
        _find_files(every, places, problems, path_prefix, absent=absent if leaves_out else None)
        if check_files
        else {}
    )
    if leaves_out:
        _check_missing_share(rows, columns, absent, problems, path_prefix)
    for channel in [name.removeprefix("path:") for name in columns if name.startswith("path:")]:
        found = [facts.get(path, (-1, -1)) for path in columns[f"path:{channel}"].tolist()]
        size_and_time = np.array(found, dtype=np.int64)
        columns[f"bytes:{channel}"] = pd.Series(size_and_time[:, 0], index=table.index)
        columns[f"mtime_ns:{channel}"] = pd.Series(size_and_time[:, 1], index=table.index)
    return pd.DataFrame(columns)


def mask_columns(
    rows: SampleRows,
    check_files: bool,
    problems: Problems,
    path_prefix: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Find the label images, or folders of one mask per object, of the sites that have one.

    Parameters
    ----------
    rows : SampleRows
        Rows of the screen.
    check_files : bool
        As for `image_columns`.
    problems : Problems
        Takes files that are not there or outside the image folder.
    path_prefix : mapping of str to str, optional
        As for `image_columns`.

    Returns
    -------
    pandas.DataFrame
        `path` (str, absolute; empty where the sheet gives none), `bytes` and `mtime_ns` (int64, -1
        without a file), under the index of `rows.table`.
    """
    table, label = rows.table, rows.labels.get("mask", "")
    paths = _absolute_paths(table["mask"], table["root"])
    if check_files:
        paths = _names_on_disk(paths, table["root"], label, table["place"], problems)
    usable, outside = _usable_paths(table["mask"], paths, label, rows, problems)
    _refuse_foreign(outside, table["place"], problems)
    image = pd.DataFrame({"path": paths, "label": label, "root": table["root"]})[usable]
    wanted = check_files and len(image) > 0
    facts = (
        _find_files(image, table["place"], problems, path_prefix, or_folders=True) if wanted else {}
    )
    found = np.array([facts.get(path, (-1, -1)) for path in paths.tolist()], dtype=np.int64)
    return pd.DataFrame(
        {"path": paths, "bytes": found[:, 0], "mtime_ns": found[:, 1]}, index=table.index
    )


def mask_folder_problem(folder: Path, root: Path) -> str | None:
    """Return the problem of the files of a folder of masks, if there is one.

    Parameters
    ----------
    folder : pathlib.Path
        A folder with one mask per object; files that are not named as images are left out.
    root : pathlib.Path
        Folder that no link may lead out of.

    Returns
    -------
    str or None
        The end of a sentence about the first file that is no file, or a link that leads out.
    """
    real_root = root.resolve()
    try:
        with os.scandir(folder) as entries:
            named = sorted(
                (entry for entry in entries if entry.name.lower().endswith(IMAGE_SUFFIXES)),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        return f"cannot be listed ({error.strerror}); correct its permissions"
    for entry in named:
        if has_controls(entry.name):
            return f"holds {entry.name!r}, whose name has control characters; rename it"
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(real_root):
            return (
                f"holds {entry.name!r}, a link to a place outside {root}; replace the link by the "
                "file"
            )
        if not entry.is_file():
            return f"holds {entry.name!r}, which is not a file; remove it"
    return None


def _absolute_paths(files: pd.Series, roots: pd.Series) -> pd.Series:
    # Windows sheets have backslashes. Links are followed when the folders are listed.
    slashed = files.str.replace("\\", "/", regex=False)
    joined = slashed.where(slashed.str.startswith("/"), roots + "/" + slashed)
    # POSIX treats a leading // specially, so normpath would keep it.
    absolute = [os.path.normpath(path).replace("//", "/") for path in joined.tolist()]
    absolute = [path if file else "" for path, file in zip(absolute, files.tolist(), strict=True)]
    return pd.Series(absolute, index=files.index, dtype="str")


def _names_on_disk(
    paths: pd.Series, roots: pd.Series, label: str, places: pd.Series, problems: Problems
) -> pd.Series:
    # File names on disk may be in another Unicode form than in the sheet, such as NFD on a Mac.
    disks = {root: NamesOnDisk(root) for root in roots.unique()}
    pairs = zip(paths.tolist(), roots.tolist(), strict=True)
    found = pd.Series([disks[root].find(path) for path, root in pairs], index=paths.index)
    other = paths.index[found != paths]
    if len(other):
        first = other[0]
        path, name = (text[first].removeprefix(roots[first]) for text in (paths, found))
        problems.note(
            f"{label}: {amount(len(other), 'path')} not there as written, but files with "
            f"look-alike names are, and are read, such as {name.lstrip('/')!r} ({places[first]}: "
            f"{describe_difference(name.lstrip('/'), path.lstrip('/'))} as in the table)"
        )
    return found.astype("str")


def _refuse_foreign(foreign: pd.DataFrame, places: pd.Series, problems: Problems) -> None:
    """Note paths of another place or machine, once for each folder that they have in common."""
    if foreign.empty:
        return
    for folder, count in common_folders(foreign["file"]):
        below = foreign[foreign["file"].str.replace("\\", "/", regex=False).str.startswith(folder)]
        first = below.iloc[0]
        others = below["label"].nunique() - 1
        columns = first["label"] + (f" and {others} more" if others else "")
        advice = f"if the images lie elsewhere here, set input.path_prefix: {{{show(folder)}: ...}}"
        if os.path.isdir(folder):  # noqa: PTH112
            advice = f"set input.images to a folder that holds {folder}"
        problems.add(
            f"{places[below.index[0]]}, {columns}: {count:,} paths are below {folder}, outside the "
            f"image folder {first['root']}; {advice}"
        )


def _planes(rows: SampleRows, channel: str, problems: Problems) -> pd.Series:
    text = rows.table[f"index:{channel}"]
    wrong = text.isin([value for value in text.unique() if not _PLANE.fullmatch(value)])
    problems.values(
        text[wrong],
        rows.table["place"],
        f"channel {channel!r}",
        lambda value: f"frame {show(value)} is not a plane number; frames count from 0",
    )
    return text.mask(wrong, "-1").astype("int64")


def _check_blank(rows: SampleRows, channel: str, label: str, problems: Problems) -> None:
    files, places = rows.table[f"file:{channel}"], rows.table["place"]
    problems.rows(
        files.index[files == ""],
        lambda index: (
            f"{places[index]}, {label}: no image file for channel {channel!r}; name it, or leave "
            "the site out"
        ),
        f"sites without an image file for channel {channel!r}",
    )


def _check_missing_share(
    rows: SampleRows,
    columns: dict[str, pd.Series],
    absent: dict[str, str],
    problems: Problems,
    path_prefix: Mapping[str, str] | None,
) -> None:
    """Note sites without an image file; refuse plates that lack more than half of them."""
    paths = pd.DataFrame({name: columns[name] for name in columns if name.startswith("path:")})
    is_missing = (paths.isin(set(absent)) | (paths == "")).any(axis=1)
    if not is_missing.any():
        return
    first = rows.table["place"][is_missing].iloc[0]
    example = next(iter(absent), None)
    shown = f"{example} {absent[example]}" if example is not None else "no file is named there"
    problems.note(
        f"{is_missing.sum()} of {len(is_missing)} sites have no file for every channel and are "
        f"left out; the first is in {first}. For example: {shown}"
    )
    plates = rows.table["plate"]
    share = is_missing.groupby(plates, sort=True).mean()
    empty = [str(plate) for plate in share.index[share > _MAX_MISSING]]
    if not empty:
        return
    lost = is_missing[plates.isin(empty)]
    missing = [path for path in paths.loc[lost.index].to_numpy().ravel() if path in absent]
    such = f" (such as {missing[0]})" if missing else ""
    keys = "input.images (or input.root) or the paths"
    if missing and "path_prefix" in _keys_of_paths(
        missing[0], rows.table["root"].iloc[0], path_prefix
    ):
        keys = f"input.path_prefix, {keys}"
    named = f"plate {empty[0]!r}" + (f" and {len(empty) - 1} more" if len(empty) > 1 else "")
    problems.add(
        f"{named}: {int(lost.sum())} of {len(lost)} sites lack image files{such}. If more than "
        "half of a plate is missing, the folder is usually wrong or not mounted; correct "
        f"{keys}, or leave the plate out"
    )


def _usable_paths(
    files: pd.Series, paths: pd.Series, label: str, rows: SampleRows, problems: Problems
) -> tuple[pd.Series, pd.DataFrame]:
    """Return which files are named, local and below the image folder, and those elsewhere.

    Files of another place or machine (file, label, root) are not noted yet.
    """
    places, roots = rows.table["place"], rows.table["root"]
    blank = files == ""
    remote = files.str.match(r"[A-Za-z][A-Za-z0-9+.-]+:/")
    problems.values(
        files[remote],
        places,
        label,
        lambda file: f"{file!r} is not a local file; download the images and give their paths",
    )
    unprintable = files.isin([file for file in files.unique() if has_controls(file)])
    problems.values(
        files[unprintable],
        places,
        label,
        lambda file: f"{show(file)} has control characters; rename the file, and correct its path",
    )
    remote |= unprintable
    drive = files.str.match(r"[A-Za-z]:[\\/]") & ~remote
    starts = (roots.str.rstrip("/") + "/").tolist()
    below = [path.startswith(start) for path, start in zip(paths.tolist(), starts, strict=True)]
    outside = ~(pd.Series(below, index=files.index) | blank | remote | drive)
    foreign = outside & files.map(is_absolute)
    if files[foreign].nunique() < 2:
        foreign &= False
    problems.values(
        files[outside & ~foreign],
        places,
        label,
        lambda file: f"{file!r} is outside the image folder {roots.iloc[0]}; {_ROOT_ADVICE}",
    )
    foreign |= drive
    listed = pd.DataFrame({"file": files, "label": label, "root": roots})[foreign]
    return ~(blank | remote | outside | drive), listed


def _check_repeated_images(every: pd.DataFrame, places: pd.Series, problems: Problems) -> None:
    numbered = every.assign(place=places[every.index]).reset_index(drop=True)
    first = numbered.reset_index().groupby(["path", "plane"])["index"].transform("first")

    def sentence(number: Any) -> str:
        image, other = numbered.loc[number], numbered.loc[first[number]]
        return (
            f"{image['place']}, {image['label']}: {image['path']} is already given in "
            f"{other['place']}, {other['label']}; an image belongs to one site and one channel, "
            "correct one of the two"
        )

    problems.rows(first.index[first != first.index], sentence, "repeated image files")


def _find_files(
    every: pd.DataFrame,
    places: pd.Series,
    problems: Problems,
    path_prefix: Mapping[str, str] | None,
    *,
    or_folders: bool = False,
    absent: dict[str, str] | None = None,
) -> dict[str, tuple[int, int]]:
    """Return bytes and time of each path.

    `absent` takes the files that are not there, with the reason; without it they are problems.
    """
    # Listing a folder once is much faster on a file server than looking up each file, and finds
    # similar names. Pathlib would raise for names that are too long.
    missing = [root for root in every["root"].unique() if not os.path.isdir(root)]  # noqa: PTH112
    for root in missing:
        problems.add(f"input.images: there is no folder {root}; correct the path")
    every = every[~every["root"].isin(missing)]
    folders, names = every["path"].map(os.path.dirname), every["path"].map(os.path.basename)
    every = every.assign(folder=folders, name=names)
    facts: dict[str, tuple[int, int]] = {}
    faults: dict[str, str] = {}
    folder_faults: dict[str, str] = {}
    for keys, group in every.groupby(["root", "folder"]):
        root, folder = map(str, keys)
        try:
            found, wrong, gone = _listed(root, folder, set(group["name"]), or_folders)
        except OSError as error:
            if absent is None or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                folder_faults[folder] = str(error.strerror)
                continue
            found, wrong = {}, {}
            gone = dict.fromkeys(group["name"], f"is in a missing folder ({folder})")
        if absent is None:
            way_out = "" if or_folders else f"; {_QUARANTINE_ADVICE}"
            wrong |= {name: why + way_out for name, why in gone.items()}
        else:
            absent |= {os.path.join(folder, name): why for name, why in gone.items()}  # noqa: PTH118
        facts |= {os.path.join(folder, name): fact for name, fact in found.items()}  # noqa: PTH118
        faults |= {os.path.join(folder, name): why for name, why in wrong.items()}  # noqa: PTH118
    for reason in dict.fromkeys(folder_faults.values()):
        folders_of_reason = [name for name, why in folder_faults.items() if why == reason]
        rows = every[every["folder"].isin(folders_of_reason)]
        folder, n_others = rows["folder"].iloc[0], len(folders_of_reason) - 1
        others = f" and {amount(n_others, 'other folder')}" if n_others else ""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        advice = _keys_of_paths(folder, rows["root"].iloc[0], path_prefix)
        problems.add(
            f"{places[rows.index[0]]}{more}, image files: the folder {folder}{others} cannot be "
            f"listed ({reason}); correct {advice}"
        )
    faulty = every[every["path"].isin(set(faults))]
    for label, group in faulty.groupby("label", sort=False):
        problems.values(group["path"], places, str(label), lambda path: f"{path} {faults[path]}")
    return facts


def _keys_of_paths(path: str, root: str, path_prefix: Mapping[str, str] | None) -> str:
    """Return the keys that a user can correct where a path is wrong."""
    targets = [os.path.normpath(os.path.join(root, new)) for new in (path_prefix or {}).values()]  # noqa: PTH118
    mapped = any(f"{path}/".startswith(f"{target.rstrip('/')}/") for target in targets)
    return "input.path_prefix, the paths or input.images" if mapped else "the paths or input.images"


def _listed(
    root: str, folder: str, wanted: set[str], or_folders: bool
) -> tuple[dict[str, tuple[int, int]], dict[str, str], dict[str, str]]:
    """Look up the wanted names in a folder; with `or_folders` they may be folders themselves.

    Returns bytes and time, the reason why a name cannot be used, or a hint where there is none.
    """
    real_root = Path(root).resolve()
    found: dict[str, tuple[int, int]] = {}
    wrong: dict[str, str] = {}
    absent: dict[str, str] = {}
    similar_names: dict[str, str] = {}
    linked_out = f"is a link to a place outside the image folder {root}; {_ROOT_ADVICE}"
    if not Path(folder).resolve().is_relative_to(real_root):
        return found, dict.fromkeys(wanted, linked_out), absent
    with os.scandir(folder) as entries:
        for entry in entries:
            similar_names[clean(Path(entry.name).stem).casefold()] = entry.name
            if entry.name not in wanted:
                continue
            if entry.is_symlink() and not Path(entry).resolve().is_relative_to(real_root):
                wrong[entry.name] = linked_out
            elif or_folders and entry.is_dir():
                problem = mask_folder_problem(Path(entry.path), Path(root))
                if problem is not None:
                    wrong[entry.name] = problem
            elif not entry.is_file():
                wrong[entry.name] = "is not a file; give the path of an image"
            if entry.name not in wrong:
                status = entry.stat()
                found[entry.name] = (status.st_size, status.st_mtime_ns)
    for name in wanted - found.keys() - wrong.keys():
        near = similar_names.get(clean(Path(name).stem).casefold())
        hint = f"did you mean {near!r}?" if near else "correct the name, or remove the line"
        if near and not (near + name).isascii():
            hint += f" In it, {describe_difference(near, name)}"
        absent[name] = f"does not exist; {hint}"
    return found, wrong, absent
