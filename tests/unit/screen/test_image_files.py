"""Checks of the image files that a screen names."""

import pytest
from screens import touch


def test_spaces_in_paths_are_accepted(screen):
    touch(screen.folder, "my plate/site one.tif")
    screen.lines[1] = "P1,A1,1,DMSO,0,,my plate/site one.tif,a/1a.tif"
    assert screen.read()["path:DNA"][0] == str(screen.folder / "my plate/site one.tif")


def test_backslashes_of_windows_sheets_are_accepted(screen):
    screen.lines[1] = r"P1,A1,1,DMSO,0,,a\1d.tif,.\a\1a.tif"
    assert screen.read()["path:Actin"][0] == str(screen.folder / "a/1a.tif")


def test_images_may_lie_elsewhere_than_the_sheet(screen, tmp_path):
    moved = tmp_path / "moved"
    screen.options()
    screen.folder.rename(moved)
    screen.folder.mkdir()
    assert screen.read(images=str(moved))["path:DNA"][0] == str(moved / "a/1d.tif")


def test_an_absolute_path_below_the_image_root_is_accepted(screen):
    screen.lines[1] = f"P1,A1,1,DMSO,0,,{screen.folder}/a/1d.tif,a/../a/1a.tif"
    sites = screen.read()
    assert sites["path:DNA"][0] == str(screen.folder / "a/1d.tif")
    assert sites["path:Actin"][0] == str(screen.folder / "a/1a.tif")


def test_a_missing_file_is_named_with_line_column_and_fix(screen):
    (screen.folder / "a/3d.tif").rename(screen.folder / "a/3D.TIF")
    (screen.folder / "b/5a.tif").unlink()
    message = screen.error()
    assert message.startswith(f"{screen.sheet}: 2 problems")
    assert (
        f"line 4, column 'dna': {screen.folder}/a/3d.tif does not exist; did you mean '3D.TIF'?"
    ) in message
    assert f"line 6, column 'actin': {screen.folder}/b/5a.tif does not exist; correct" in message


def test_a_missing_image_root_is_one_problem(screen, tmp_path):
    message = screen.error(images=str(tmp_path / "none"))
    assert "1 problem" in message
    assert f"input.images: there is no folder {tmp_path}/none; correct the path" in message


def test_a_folder_in_place_of_an_image_is_refused(screen):
    screen.lines[1] = "P1,A1,1,DMSO,0,,a,a/1a.tif"
    assert f"line 2, column 'dna': {screen.folder}/a is not a file" in screen.error()


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/hostname", "a/../../secret.tif"])
def test_a_path_out_of_the_image_root_is_refused(screen, path):
    touch(screen.folder.parent, "secret.tif")
    screen.lines[1] = f"P1,A1,1,DMSO,0,,{path},a/1a.tif"
    assert (
        f"line 2, column 'dna': {path!r} is outside the image folder {screen.folder}; "
        "set input.images"
    ) in screen.error()


def test_a_drive_of_windows_is_named_once(screen):
    screen.lines = [line.replace(",a/", ",Z:\\screen\\a\\") for line in screen.lines]
    message = screen.error()
    assert "line 2, column 'dna' and 1 more: 6 paths are below Z:/screen/a, outside" in message
    assert "set input.path_prefix: {'Z:/screen/a': ...}" in message
    assert "leads out" not in message


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_image_root_is_refused(screen, kind):
    touch(screen.folder.parent, "outside/1d.tif")
    link = screen.folder / ("a/1d.tif" if kind == "file" else "c")
    link.unlink(missing_ok=True)
    link.symlink_to(screen.folder.parent / ("outside/1d.tif" if kind == "file" else "outside"))
    if kind == "folder":
        screen.lines[1] = "P1,A1,1,DMSO,0,,c/1d.tif,a/1a.tif"
    assert "1d.tif is a link to a place outside the image folder" in screen.error()


def test_a_link_to_the_image_root_itself_is_accepted(screen, tmp_path):
    (tmp_path / "link").symlink_to(screen.folder)
    sites = screen.read(images=str(tmp_path / "link"))
    assert sites["path:DNA"][0] == str(tmp_path / "link/a/1d.tif")


def test_one_file_for_two_channels_or_two_sites_is_refused(screen):
    screen.lines[1] = "P1,A1,1,DMSO,0,,a/1d.tif,a/1d.tif"
    screen.lines[2] = "P1,A1,2,DMSO,0,,a/2d.tif,a/3a.tif"
    message = screen.error()
    assert (
        f"line 2, column 'actin': {screen.folder}/a/1d.tif is already given in line 2, "
        "column 'dna'; an image belongs to one site and one channel"
    ) in message
    assert "line 4, column 'actin'" in message
    assert f"{screen.folder}/a/3a.tif is already given in line 3, column 'actin'" in message


def test_a_blank_image_cell_is_a_missing_channel(screen):
    screen.lines[3] = "P1,b02,1,taxol,0.3,Stabilizer,a/3d.tif,"
    assert "line 4, column 'actin': no image file for channel 'Actin'; name it" in screen.error()


def test_a_plate_that_lacks_most_images_is_an_error_even_under_quarantine(screen):
    for name in ("b/4d.tif", "b/5d.tif", "a/1d.tif"):
        (screen.folder / name).unlink()
    message = screen.error(on_bad_image="quarantine")
    assert "1 problem\n" in message
    assert (
        f"plate 'P2': 2 of 2 sites lack image files (such as {screen.folder}/b/4d.tif)" in message
    )
    assert "the folder is usually wrong or not mounted; correct input.images" in message


def test_a_folder_that_is_not_there_is_named_under_quarantine(screen):
    for file in (screen.folder / "b").iterdir():
        file.unlink()
    (screen.folder / "b").rmdir()
    message = screen.error(on_bad_image="quarantine")
    assert "plate 'P2': 2 of 2 sites lack image files" in message
    assert "1 problem\n" in message


def test_files_outside_of_the_root_stay_errors_under_quarantine(screen):
    screen.lines[1] = screen.lines[1].replace("a/1d.tif", "../1d.tif")
    assert "outside the image folder" in screen.error(on_bad_image="quarantine")
