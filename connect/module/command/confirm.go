package command

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// mostUnasked is how many connections anybody may be sent without being asked.
const mostUnasked = 10_000

// confirm asks, as tcpgoon does, before many connections to an address that is neither loopback nor private, which may be somebody else's.
func (s *session) confirm(targets []connect.Target, connections int64) error {
	in, isFile := s.gs.Stdin.(*os.File)
	if connections <= mostUnasked || s.yes || !isFile || !term.IsTerminal(int(in.Fd())) { // #nosec G115 -- a descriptor
		return nil
	}
	for i := range targets {
		if addr := targets[i].Addr.Addr(); addr.IsValid() && !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
			return s.ask(in, &targets[i], connections)
		}
	}
	return nil
}

var errNotConfirmed = errors.New("nothing was done, as you did not say yes; --yes does without the question")

func (s *session) ask(in *os.File, t *connect.Target, connections int64) error {
	fmt.Fprintf(s.gs.Stderr, "About to make %d connections to %s (%s), which is neither loopback nor a private address.\nDo you want to continue? (y/N): ",
		connections, t.Name, t.Addr.Addr())
	answers := make(chan string, 1)
	go func() { // which ends with the process if nobody answers
		line, _ := bufio.NewReader(in).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
	case <-s.ctx.Done():
		fmt.Fprintln(s.gs.Stderr)
	}
	return errNotConfirmed
}
