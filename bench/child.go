package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// childCommand, as the first argument, makes the bench play the role that the second argument names. It reads its task
// from standard input and answers on standard output, both as JSON.
const childCommand = "child"

// roles are what a child can be. Each ends when its task is done, or when its input ends, as it does with the parent.
var roles = map[string]func(in io.Reader, out io.Writer) error{
	"floor":          floodRole(floor),
	"net":            floodRole(perGoroutine),
	"engine":         floodRole(engine),
	"traffic-net":    trafficRole(trafficPerGoroutine),
	"traffic-floor":  trafficRole(trafficFloor),
	"traffic-engine": trafficRole(trafficEngine),
	"holder":         holdRole(false),
	"reader":         holdRole(true),
	"packet-holder":  packetHolder,
	"server":         serveRole,
	"packets-server": packetsServerRole,
}

func playRole(name string) error {
	play, ok := roles[name]
	if !ok {
		return fmt.Errorf("%q is no role of a child", name)
	}
	return play(os.Stdin, os.Stdout)
}

// floodRole makes one flood and answers with the time it took.
func floodRole(contender func(context.Context, flood) (time.Duration, error)) func(io.Reader, io.Writer) error {
	return func(in io.Reader, out io.Writer) error {
		var f flood
		if err := json.NewDecoder(in).Decode(&f); err != nil {
			return fmt.Errorf("reading the task: %w", err)
		}
		took, err := contender(context.Background(), f)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(took)
	}
}

// child is a running role.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	stderr bytes.Buffer
}

// startChild starts the bench once more, in a role, and gives it its task. wrapper, if any, is a command that runs it.
func startChild(ctx context.Context, role string, task any, wrapper ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to start %s: %w", role, err)
	}
	command := append(slices.Clone(wrapper), self, childCommand, role)
	c := &child{cmd: exec.CommandContext(ctx, command[0], command[1:]...)} // #nosec G204 -- this very program
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", role, err)
	}
	c.out = json.NewDecoder(out)
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", role, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", role, err)
	}
	if err := json.NewEncoder(c.in).Encode(task); err != nil {
		return nil, errors.Join(fmt.Errorf("giving %s its task: %w", role, err), c.end())
	}
	return c, nil
}

// answer waits for what the child has to say, and returns its error if that is nothing.
func (c *child) answer(to any) error {
	err := c.out.Decode(to)
	if err == nil {
		return nil
	}
	if ended := c.end(); ended != nil {
		return ended
	}
	return fmt.Errorf("reading its answer: %w", err)
}

// end closes the child's input and waits for its end.
func (c *child) end() error {
	_ = c.in.Close()
	return explain(c.cmd.Wait(), c.stderr.String())
}

// explain adds the last of what a program wrote on standard error.
func explain(err error, stderr string) error {
	if err == nil {
		return nil
	}
	const most = 2000
	text := strings.TrimSpace(stderr)
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return fmt.Errorf("%w: %s", err, strings.TrimPrefix(text, "bench: "))
}

// byChild makes a flood in a child, which the wrapper runs.
func byChild(role string, wrapper ...string) func(context.Context, flood) (time.Duration, error) {
	return func(ctx context.Context, f flood) (took time.Duration, err error) {
		c, err := startChild(ctx, role, f, wrapper...)
		if err != nil {
			return 0, err
		}
		if err := c.answer(&took); err != nil {
			return 0, err
		}
		return took, c.end()
	}
}
