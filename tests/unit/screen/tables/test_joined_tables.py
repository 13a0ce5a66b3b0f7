"""Tables that are joined to a sample sheet."""


def test_an_moa_table_without_its_columns_is_refused(annotated):
    annotated.table.write_text("compound,mechanism\ntaxol,Stabilizer\n")
    assert "moa.csv (input.moa_table): there is no column 'moa'" in annotated.error()


def test_a_missing_moa_table_is_named(annotated):
    annotated.table.unlink()
    assert f"{annotated.table}: there is no such file" in annotated.error()
