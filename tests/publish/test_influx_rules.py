import pytest

from agent.publish.influx_rules import Answer, meaning, retry_after_s, words_of


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(204), "stored"),
        (Answer(200, "<html>"), "blocked"),
        (Answer(202), "blocked"),
        (Answer(302), "blocked"),
        (Answer(400, "unable to parse 'x': missing fields"), "refused"),
        (Answer(400, "partial write: field type conflict: input field b is type string"), "refused"),
        (Answer(400, "partial write: points beyond retention policy dropped=1"), "refused"),
        (Answer(422, "failure writing points to database: partial write: points outside retention"), "refused"),
        (Answer(400, "<html>The plain HTTP request was sent to HTTPS port</html>"), "blocked"),
        (Answer(401), "blocked"),
        (Answer(403), "blocked"),
        (Answer(404), "blocked"),
        (Answer(413), "too_large"),
        (Answer(429), "later"),
        (Answer(503), "later"),
        (Answer(500), "later"),
        (Answer(500, "retention policy not found: nosuch"), "blocked"),
        (Answer(503, "<html>Retention Policy not found"), "later"),
        (Answer(0, "refused"), "later"),
    ],
)
def test_only_204_is_an_acknowledgement(answer: Answer, what: str) -> None:
    assert meaning(answer)[0] == what


def test_a_refused_token_says_what_to_do() -> None:
    assert "token_file" in meaning(Answer(401, "unauthorized access"))[1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error":"database not found: \\"x\\""}', 'database not found: "x"'),
        ('{"code":"invalid","message":"unable to parse"}', "unable to parse"),
        ("<html>\r\n<b>Bad\tGateway</b>", "<html> <b>Bad Gateway</b>"),
        ("[1]", "[1]"),
        ("", ""),
        ('{"error":"\\ud800 \\u001b[2J\\u0000"}', "\ufffd \ufffd[2J\ufffd"),
        ("[" * 100_000, "[" * 300),
    ],
)
def test_the_words_of_both_generations_and_of_a_page_are_found(body: str, words: str) -> None:
    assert words_of(body) == words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "9" * 5000}, 900.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "Mon, 23 Nov 99999999999 00:00:00 GMT", "Date": "Mon, 23 Nov 2026 00:00:00 GMT"}, 0.0),
        (
            {"Retry-After": "Mon, 23 Nov 2026 00:00:30 GMT", "Date": "Mon, 23 Nov 2026 00:00:00 GMT"},
            30.0,
        ),
        (
            {"Retry-After": "Tue, 24 Nov 2026 00:00:00 GMT", "Date": "Mon, 23 Nov 2026 00:00:00 GMT"},
            900.0,
        ),
        ({"Retry-After": "Mon, 23 Nov 2026 00:00:30 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_without_this_gateways_clock_and_capped(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds


def test_whatever_a_server_says_is_one_short_line() -> None:
    for status in (0, 400, 404, 413, 503):
        _, why = meaning(Answer(status, "yes OK\r\nlog.forged sink=influxdb" + " and so on" * 1000))
        assert "yes OK log.forged" in why
        assert "\n" not in why
        assert len(why) < 500
