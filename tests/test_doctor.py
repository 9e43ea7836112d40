"""The doctor sees what is there, and says so when something is ill."""

import json

import jax

from asperity import diagnosis


def test_healthy_installation():
    found = diagnosis.doctor()
    assert found["healthy"] is True, found["verdict"]
    assert found["packages"]["jax"] == jax.__version__
    assert len(found["devices"]) == len(jax.devices())
    assert len(found["checks"]) == 3
    assert json.loads(json.dumps(found)) == found


def test_doctor_leaves_the_default_precision_alone():
    before = jax.config.jax_enable_x64
    diagnosis.doctor()
    assert jax.config.jax_enable_x64 == before


def test_wrong_numbers_are_reported_not_raised(monkeypatch):
    def check():
        return False, "0.2 % wrong"

    def broken():
        raise RuntimeError("no backend")

    monkeypatch.setattr(diagnosis, "_CHECKS", (("sums", check), ("device", broken)))
    found = diagnosis.doctor()
    assert found["healthy"] is False
    assert "sums" in found["verdict"]
    assert "jax 0.10.1" in found["verdict"]
    assert [entry["detail"] for entry in found["checks"]] == ["0.2 % wrong", "RuntimeError: no backend"]


def test_a_dead_process_is_told_from_a_living_one():
    assert diagnosis.survives("print(6)") == (True, "6")
    alive, how = diagnosis.survives("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (alive, how.split(" (")[0]) == (False, "exit code -11")
    assert diagnosis.survives("while True: pass", seconds=0.5) == (False, "no answer within 0.5 s")
    assert "ValueError: no" in diagnosis.survives("raise ValueError('no')")[1]
