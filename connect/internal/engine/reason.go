package engine

import (
	"fmt"
	"syscall"
)

// Reason is why a connection failed where no system call says so. As an error it is worded for logs; whoever shows it to people may
// word it for them.
type Reason uint8

// The reasons.
const (
	ReasonNone              Reason = iota
	ReasonConnectTimeout           // no answer to the connect in time
	ReasonHandshakeTimeout         // established over TCP, but the TLS handshake took too long
	ReasonTimeUp                   // the call's time was up while the connection was being dialed
	ReasonTimeUpShaking            // established over TCP, but the call's time was up before the TLS handshake was finished
	ReasonStopped                  // the call was stopped while the connection was being dialed
	ReasonSelf                     // the socket was connected to itself
	ReasonClosed                   // the peer closed
	ReasonClosedShut               // the peer closed when this side had shut down its sending side, before all had come back
	ReasonClosedUnanswered         // the peer closed before it had answered
	ReasonNoAnswer                 // established, but no answer in time
	ReasonUnfinished               // an answer began, and did not end in time
	ReasonTimeUpUnanswered         // the call's time was up before the answer came
	ReasonStoppedUnanswered        // the call was stopped before the answer came
	ReasonNoName                   // the answer is no host name
	ReasonNoMatch                  // the answer is not what was asked for
	ReasonTooLong                  // the answer does not end
	ReasonTwice                    // the answer is what may well be a host's name, twice over
	ReasonProxyHeader              // the answer begins with a header of the PROXY protocol
	ReasonKeepalive                // no answer to a keepalive in time
	ReasonHoldStopped              // an established connection was ended from outside
	ReasonNoEcho                   // no echo in time
	ReasonTooMuch                  // more came back than was sent
	ReasonCorrupted                // other bytes came back than were sent
	ReasonNoFIN                    // the peer did not close after this side had
	ReasonNotSent                  // this host did not take the datagram
	ReasonForgotten                // no answer on a connection that was silent before
	ReasonElsewhere                // another host answers on a connection that was silent before
)

var reasonTexts = [...]string{
	ReasonNone:              "",
	ReasonConnectTimeout:    "connect: no answer in time",
	ReasonHandshakeTimeout:  "connected, but the TLS handshake was not finished in time",
	ReasonTimeUp:            "connect: the call's time was up first",
	ReasonTimeUpShaking:     "connected, but the call's time was up before the TLS handshake was finished",
	ReasonStopped:           "connect: the call was stopped first",
	ReasonSelf:              "connect: nothing listens there; the socket had the target's port itself, and was connected to itself",
	ReasonClosed:            "read: the peer closed",
	ReasonClosedShut:        "read: the peer closed before all had come back, when this end had shut down its sending side",
	ReasonClosedUnanswered:  "read: the peer closed before it answered",
	ReasonNoAnswer:          "read: connected, but no answer in time",
	ReasonUnfinished:        "read: the answer did not end in time",
	ReasonTimeUpUnanswered:  "read: the call's time was up before the answer came",
	ReasonStoppedUnanswered: "read: the call was stopped before the answer came",
	ReasonNoName:            "read: the answer is not 1 to 255 bytes of printable UTF-8",
	ReasonNoMatch:           "read: the answer does not match",
	ReasonTooLong:           "read: the answer does not end within 64 KiB",
	ReasonTwice:             "read: the answer seems to be a host's name twice over",
	ReasonProxyHeader:       "read: the answer begins with a header of the PROXY protocol",
	ReasonKeepalive:         "keepalive: no answer in time",
	ReasonHoldStopped:       "ended from outside",
	ReasonNoEcho:            "read: no echo in time",
	ReasonTooMuch:           "read: more came back than was sent",
	ReasonCorrupted:         "read: other bytes came back than were sent",
	ReasonNoFIN:             "read: all was echoed, but the peer did not close after this side had",
	ReasonNotSent:           "send: this host's queue is full",
	ReasonForgotten:         "read: no answer after a silence",
	ReasonElsewhere:         "read: another host answers after a silence",
}

// Error implements error.
func (r Reason) Error() string { return reasonTexts[r] }

// AnswerError is an answer that is not the one that should have come.
type AnswerError struct {
	Reason Reason
	Begins string // what it begins with
}

// shownAnswer is how many bytes of a wrong answer are kept, to be shown.
const shownAnswer = 40

// WrongAnswer returns the error of an answer.
func WrongAnswer(reason Reason, answer []byte) error {
	return AnswerError{reason, string(answer[:min(len(answer), shownAnswer)])}
}

// Error implements error.
func (e AnswerError) Error() string { return fmt.Sprintf("%v; it begins with %q", e.Reason, e.Begins) }

// Unwrap gives errors.Is and errors.As the reason.
func (e AnswerError) Unwrap() error { return e.Reason }

// CallError is a system call that failed.
type CallError struct {
	Call  string
	Errno syscall.Errno
}

// Error implements error.
func (e CallError) Error() string { return e.Call + ": " + e.Errno.Error() }

// Unwrap gives errors.Is the error number.
func (e CallError) Unwrap() error { return e.Errno }

// CallErrors keeps errors that are made only once, since many connections may fail in the same way.
type CallErrors map[CallError]error

// Of returns the error of a call.
func (c CallErrors) Of(call string, errno syscall.Errno) error {
	e := CallError{call, errno}
	if c[e] == nil {
		c[e] = e
	}
	return c[e]
}

// HandshakeError is that of TLS, on a connection that was established.
type HandshakeError struct{ Err error }

// Error implements error.
func (e HandshakeError) Error() string {
	return "connected, but the TLS handshake failed: " + e.Err.Error()
}

// Unwrap gives errors.Is and errors.As the cause.
func (e HandshakeError) Unwrap() error { return e.Err }
