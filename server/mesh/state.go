package mesh

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// maxState is how large a state file may be.
const maxState = 16 << 20

// state is what the file holds.
type state struct {
	Version int      `json:"version"`
	Peers   []saved  `json:"peers"`
	Deleted []Target `json:"deleted,omitempty"` // are not pinged again because others tell of them; only URL and IP
}

// A saved peer is a target, and what is known of it besides.
type saved struct {
	Target
	Heard bool   `json:"heard,omitzero"` // from another peer; nobody has asked for it
	Told  string `json:"told,omitzero"`  // where it said that it is
}

const stateVersion = 1

// load reads the list. A file that is not there is an empty list.
func load(path string) (*state, error) {
	file, err := os.Open(path) // #nosec G304 -- chosen by who starts the server
	if errors.Is(err, fs.ErrNotExist) {
		return &state{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: make it readable, or choose another file", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("%w: make it readable, or choose another file", err)
	}
	s := &state{}
	if len(data) > maxState {
		return nil, fmt.Errorf("has more than %d bytes, so it is no list of peers: choose another file", maxState)
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("is no list of peers: %w: mend it, remove it, or choose another file", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("has version %d, and this server reads version %d: choose another file", s.Version, stateVersion)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: mend it, or remove it", err)
	}
	return s, nil
}

// check reads each target as if it had come from outside, since people edit files.
func (s *state) check() error {
	for i := range s.Peers {
		if err := s.Peers[i].check(); err != nil {
			return fmt.Errorf("has a peer that can't be pinged: %w", err)
		}
	}
	for i := range s.Deleted {
		if err := s.Deleted[i].check(); err != nil {
			return fmt.Errorf("has a deleted peer that can't have been one: %w", err)
		}
	}
	return nil
}

func (t *Target) check() error {
	parsed, err := ParseTarget(t.URL)
	if err != nil {
		return err
	}
	t.URL = parsed.URL
	if t.Location != "" && !reply.Valid([]byte(t.Location)) {
		return fmt.Errorf("location %q of %s: use at most %d bytes of printable UTF-8", t.Location, t.URL, reply.MaxLength)
	}
	if t.Delay == 0 {
		return nil
	}
	if err := checkDelay(t.Delay); err != nil {
		return fmt.Errorf("delay %d (ns) of %s: %w", t.Delay, t.URL, err)
	}
	return nil
}

func (s *saved) check() error {
	if !reply.Valid([]byte(s.Told)) {
		s.Told = "" // it will tell it again
	}
	return s.Target.check()
}

// store replaces the file in one step, so that it is whole whatever happens meanwhile.
func store(path string, s *state) (err error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	file, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if _, err = file.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	if err = file.Sync(); err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	if err = file.Close(); err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	syncFolder(filepath.Dir(path))
	return nil
}

func createBeside(path string) (*os.File, error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("%w: the folder must exist and be writable", err)
	}
	return file, nil
}

// takeState locks the state file and reads it.
func (m *Mesh) takeState() (*state, error) {
	lock, err := lockState(m.options.State)
	if errors.Is(err, errCannotLock) {
		m.options.Log.Warn("The state file can't be locked; see to it that no other server has the same", "file", m.options.State, "error", err)
	} else if err != nil {
		return nil, err
	}
	before, err := load(m.options.State)
	if err != nil {
		lock.release()
		return nil, err
	}
	m.lock = lock
	return before, nil
}

// checkState tells whether a file can be read and replaced, and whether another server has it.
func checkState(path string) error {
	if _, err := load(path); err != nil {
		return err
	}
	lock, err := lockState(path)
	if err != nil && !errors.Is(err, errCannotLock) {
		return err
	}
	defer lock.release()
	file, err := createBeside(path)
	if err != nil {
		return err
	}
	_ = file.Close()
	return os.Remove(file.Name()) //nolint:wrapcheck // says what was removed
}

// syncFolder makes the new name last, on systems where folders can be synced.
func syncFolder(path string) {
	if folder, err := os.Open(path); err == nil { // #nosec G304 -- chosen by who starts the server
		_ = folder.Sync()
		_ = folder.Close()
	}
}

// resume goes on with what the file holds, first with what was asked for. Peers that can't be pinged as the server was started
// this time stay in the file for the next.
func (m *Mesh) resume(ctx context.Context, peers []saved) {
	for _, from := range []origin{asked, heard} {
		for _, s := range peers {
			if s.Heard != (from == heard) {
				continue
			}
			err := m.add(ctx, newcomer{Target: s.Target, from: from, saved: true, told: s.Told})
			if err == nil || isKnown(err) || errors.Is(err, errLeftOut) {
				continue
			}
			m.options.Log.Warn("A peer of the state file is not pinged this time", "url", s.URL, "error", err)
			m.list.setAside(s)
		}
	}
}

// Times from a list that could not be saved to the next attempt.
const (
	saveAgain       = time.Second
	saveAgainAtMost = time.Minute
)

// startSaving writes the list a first time, so that a file that can't be written shows at once, and then whenever it changes.
func (m *Mesh) startSaving() error {
	if m.options.State == "" {
		return nil
	}
	if err := m.store(); err != nil {
		return err
	}
	m.tasks.Go(m.keepSaving)
	return nil
}

func (m *Mesh) store() error { return store(m.options.State, m.list.state()) }

func (m *Mesh) keepSaving() {
	var again <-chan time.Time // nil if all is saved
	pause := saveAgain
	for ending := false; !ending; {
		select {
		case <-m.changed:
		case <-again:
		case <-m.ctx.Done():
			ending = true
		}
		failedBefore := again != nil
		err := m.store()
		if err != nil {
			again, pause = time.After(pause), min(2*pause, saveAgainAtMost)
		} else {
			again, pause = nil, saveAgain
		}
		switch log := m.options.Log; {
		case err != nil && (!failedBefore || ending):
			log.Error("The list of peers is not saved; free the disk or make the folder writable, it is tried again", "file", m.options.State, "error", err)
		case err == nil && failedBefore:
			log.Info("The list of peers is saved again", "file", m.options.State)
		}
	}
}

// save asks for the list to be written. Many changes at once cost few writes.
func (m *Mesh) save() {
	select {
	case m.changed <- struct{}{}:
	default: // it is about to be written, with this change
	}
}

// state is the list as it is saved: without what DNS says, which it will again, and without what others told of as long as that
// has not answered, so that what a liar tells is soon forgotten.
func (l *list) state() *state {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &state{Version: stateVersion, Peers: []saved{}}
	for _, p := range l.order {
		if p.from == asked || p.from == heard && p.hasAnswered() {
			s.Peers = append(s.Peers, p.saved())
		}
	}
	for _, unfit := range l.unfit {
		if l.peers[unfit.key()] == nil {
			s.Peers = append(s.Peers, unfit)
		}
	}
	for k, a := range l.out {
		if a.forGood() {
			s.Deleted = append(s.Deleted, Target{URL: k.url, IP: k.ip})
		}
	}
	slices.SortFunc(s.Deleted, func(a, b Target) int { return cmp.Or(cmp.Compare(a.URL, b.URL), a.IP.Compare(b.IP)) })
	return s
}

// setAside keeps what the file holds though it is not pinged.
func (l *list) setAside(s saved) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unfit = append(l.unfit, s)
}

// forget drops what was set aside, or is looked out for, and leaves it out for good. It reports whether there was any.
func (l *list) forget(k key, everywhere bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.unfit)
	l.unfit = slices.DeleteFunc(l.unfit, func(s saved) bool {
		is := s.key() == k || everywhere && s.key().url == k.url
		if is {
			l.leaveOut(s.key(), absence{})
		}
		return is
	})
	lookedFor := l.out[k].failed
	if lookedFor {
		l.leaveOut(k, absence{})
	}
	return len(l.unfit) < before || lookedFor
}
