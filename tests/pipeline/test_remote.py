def test_what_one_clone_pushes_another_pulls_and_has_nothing_left_to_run(checkout, clone, tmp_path):
    checkout.run("dvc", "remote", "add", "--default", "store", tmp_path / "store")
    checkout.commit()
    checkout.run("dvc", "push")
    other = clone(checkout)
    assert not (other.root / "models/v2").exists()
    other.run("dvc", "pull")
    assert other.outputs() == checkout.outputs()
    assert other.run("dvc", "repro").ran == []
    assert other.changed_files() == []
