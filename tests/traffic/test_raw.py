"""The raw client: exact bytes, and every way of being a bad client."""

from __future__ import annotations

from harness.clock import now, poll_until
from harness.traffic import raw, replies
from harness.traffic.origin import Origin
from harness.traffic.recording import Attempt
from harness.traffic.steps import Behaviour, Fin, Say
from tests.traffic.plain import GET, GET_AND_CLOSE

HOST = "127.0.0.1"


def ended(origin: Origin) -> Attempt:
    poll_until(lambda: origin.attempts() and origin.attempts()[0].ended_at, within_s=5, what="the end of the attempt")
    return origin.attempts()[0]


def test_exactly_these_bytes_go_out_and_all_come_in(origin: Origin) -> None:
    """The origin sees the raw head, and the answer is there byte for byte."""
    origin.script(route=[replies.ok()])

    seen = raw.send(HOST, origin.port, GET_AND_CLOSE)

    assert origin.attempts()[0].raw_head == GET_AND_CLOSE
    assert seen.received == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
    assert (seen.end, seen.sent) == ("fin", len(GET_AND_CLOSE))
    assert seen.started <= seen.pieces[0][0] <= seen.ended


def test_every_end_has_its_word(origin: Origin) -> None:
    """fin, reset, timeout and refused are told apart."""
    origin.script(route=[replies.empty_reply(), replies.reset(), replies.silent()])

    ends = [raw.send(HOST, origin.port, GET, within_s=0.2).end for _ in range(3)]
    origin.close()
    ends.append(raw.send(HOST, origin.port, GET).end)
    origin.fill_backlog()
    ends.append(raw.send(HOST, origin.port, GET, within_s=0.2).end)

    assert ends == ["fin", "reset", "timeout", "refused", "timeout"]


def test_an_outcome_is_an_answer_or_an_end_without_one(origin: Origin) -> None:
    """With an answer it is the moment of its last byte, and without one that of the connection's end."""
    origin.script(route=[replies.ok(), replies.empty_reply()])

    answered, left = (raw.send(HOST, origin.port, GET, within_s=0.2) for _ in range(2))

    assert answered.end == "timeout"
    assert answered.outcome_at == answered.pieces[-1][0] < answered.started + 0.2 <= answered.ended
    assert (left.end, left.outcome_at) == ("fin", left.ended)


def test_pipelined_requests_get_their_answers(origin: Origin) -> None:
    """Three in one segment, three answers in order, the connection still open."""
    origin.script(route=[replies.ok(b"1"), replies.ok(b"2"), replies.ok(b"3")])

    seen = raw.ask(HOST, origin.port, GET + GET.replace(b"GET", b"HEAD") + GET, methods=("GET", "HEAD", "GET"))

    assert [reply.body for reply in seen.replies("GET", "HEAD", "GET")] == [b"1", b"", b"3"]
    assert seen.end == "open"


def test_the_first_final_answer_is_the_reply(origin: Origin) -> None:
    """Interim answers are listed, and are not the reply."""
    origin.script(route=[replies.interim(times=2)])

    seen = raw.ask(HOST, origin.port, GET)

    assert [reply.status for reply in seen.replies()] == [103, 103, 200]
    assert seen.reply is not None
    assert (seen.reply.status, seen.reply.body) == (200, b"ok")


def test_a_head_can_trickle(origin: Origin) -> None:
    """One byte at a time takes as long as it must, and arrives whole."""
    origin.script(route=[replies.ok()])

    began = now()
    with raw.RawConnection(HOST, origin.port) as connection:
        connection.trickle(GET, every_s=0.002)
        connection.read(until=b"ok")

    assert origin.attempts()[0].at - began >= 0.002 * (len(GET) - 1)
    assert origin.attempts()[0].raw_head == GET


def test_an_upload_can_be_aborted(origin: Origin) -> None:
    """RST in the middle of the body: the origin has half of it, and knows how it ended."""
    with raw.RawConnection(HOST, origin.port) as connection:
        connection.send(b"POST /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: 10\r\n\r\nabc")
        poll_until(origin.attempts, within_s=5, what="the attempt")
        connection.abort()

    assert (ended(origin).complete, ended(origin).body_length) == (False, 3)
    poll_until(lambda: origin.connections()[0].reset_by_peer, within_s=5, what="the RST")


def test_an_upload_can_be_left(origin: Origin) -> None:
    """FIN in the middle of the body."""
    with raw.RawConnection(HOST, origin.port) as connection:
        connection.send(b"POST /api/x HTTP/1.1\r\nHost: o\r\nContent-Length: 10\r\n\r\nabc")
        connection.leave()

    assert (ended(origin).complete, origin.connections()[0].reset_by_peer) == (False, False)


def test_a_half_close_still_gets_its_answer(origin: Origin) -> None:
    """FIN behind the request, and the answer comes."""
    origin.script(route=[replies.ok()])

    seen = raw.send(HOST, origin.port, GET, finish=True)

    assert (seen.end, seen.received[-2:]) == ("fin", b"ok")


def test_a_slow_reader_with_a_small_buffer_holds_the_sender_back() -> None:
    """The origin cannot get rid of eight MiB while ten kB are read, and the abort mid-download reaches it."""
    with Origin.start(send_buffer=1 << 16) as origin:
        origin.script(route=[replies.big(8 << 20)])
        with raw.RawConnection(HOST, origin.port, receive_buffer=4096) as connection:
            connection.send(GET)
            read = len(connection.read_slowly(1000, every_s=0.005, at_most=10_000))
            seen = connection.abort()

        attempt = ended(origin)

    assert (10_000 <= read < 11_000, seen.end) == (True, "open")
    assert attempt.bytes_sent < 4 << 20
    assert attempt.closed_by_peer_at is not None


def test_sending_goes_on_while_the_other_side_talks(origin: Origin) -> None:
    """Two megabytes up against two down do not lock each other."""
    origin.script(route=[Behaviour("talks first", (Say(bytes(2 << 20)), Fin()))])

    seen = raw.send(HOST, origin.port, b"POST / HTTP/1.1\r\nContent-Length: 2097152\r\n\r\n" + bytes(2 << 20))

    assert len(seen.received) == 2 << 20


def test_listening_takes_what_comes_for_a_while(origin: Origin) -> None:
    """An early answer is taken in, and the wait is as long as asked for."""
    origin.script(route=[replies.ok()])
    with raw.RawConnection(HOST, origin.port) as connection:
        connection.send(GET)
        began = now()
        connection.listen(0.1)
        waited = now() - began

    assert (connection.received[-2:], 0.1 <= waited < 2) == (b"ok", True)


def test_a_slow_reader_has_a_deadline_too(origin: Origin) -> None:
    """Reading slowly from a silent origin ends with the connection's time."""
    origin.script(route=[replies.silent()])
    with raw.RawConnection(HOST, origin.port, within_s=0.1) as connection:
        connection.send(GET)
        connection.read_slowly(1, every_s=0.02)

    assert connection.end == "timeout"
