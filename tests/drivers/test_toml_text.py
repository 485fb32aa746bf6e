import time
import tomllib

import pytest

from drivers.errors import ModelError
from drivers.model import parse_model
from drivers.toml_text import read_toml


def test_usual_toml_is_read_and_broken_toml_says_where() -> None:
    assert read_toml("a.b = 1 # ......\n") == {"a": {"b": 1}}
    with pytest.raises(tomllib.TOMLDecodeError, match="line 2, column 5"):
        read_toml("a = 1\nb = \n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 3000, "nested too deep"),
        ("a = " + "{a=" * 3000, "nested too deep"),
        ("a = " + "9" * 5000, "4300 digits"),
        ("a = 1\n" + "a." * 3000 + "b = 1", "line 2 has 3000 dots"),
        ("[" + "a." * 3000 + "b]", "line 1 has 3000 dots"),
    ],
)
def test_what_nobody_means_is_refused_in_words_and_at_once(text: str, words: str) -> None:
    began_s = time.thread_time()
    with pytest.raises(ValueError, match=words):
        read_toml(text)
    assert time.thread_time() - began_s < 0.1
    with pytest.raises(ModelError, match=f"m.toml: broken TOML: found .*{words}"):
        parse_model(text, "m.toml")
