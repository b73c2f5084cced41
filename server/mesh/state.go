package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxState is how large a state file may be.
const maxState = 16 << 20

// state is what the file holds.
type state struct {
	Version int      `json:"version"`
	Peers   []Target `json:"peers"`
}

const stateVersion = 1

// load reads the list. A file that is not there is an empty list.
func load(path string) ([]Target, error) {
	file, err := os.Open(path) // #nosec G304 -- chosen by who starts the server
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: make it readable, or choose another file", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("%w: make it readable, or choose another file", err)
	}
	var s state
	if len(data) > maxState {
		return nil, fmt.Errorf("has more than %d bytes, so it is no list of peers: choose another file", maxState)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("is no list of peers: %w: mend it, remove it, or choose another file", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("has version %d, and this server reads version %d: choose another file", s.Version, stateVersion)
	}
	return s.valid()
}

// valid reads each target as if it had come from outside, since people edit files.
func (s *state) valid() ([]Target, error) {
	targets := make([]Target, 0, len(s.Peers))
	for _, saved := range s.Peers {
		t, err := ParseTarget(saved.URL)
		if err != nil {
			return nil, fmt.Errorf("has a peer that can't be pinged: %w", err)
		}
		saved.URL = t.URL
		targets = append(targets, saved)
	}
	return targets, nil
}

// store replaces the file in one step, so that it is whole whatever happens meanwhile.
func store(path string, targets []Target) (err error) {
	data, err := json.MarshalIndent(state{stateVersion, targets}, "", "  ")
	if err != nil {
		return fmt.Errorf("list of peers: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%w: the folder must exist and be writable", err)
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

// syncFolder makes the new name last, on systems where folders can be synced.
func syncFolder(path string) {
	if folder, err := os.Open(path); err == nil { // #nosec G304 -- chosen by who starts the server
		_ = folder.Sync()
		_ = folder.Close()
	}
}

// startSaving writes the list a first time, so that a file that can't be written shows at once, and then whenever it changes.
func (m *Mesh) startSaving() error {
	if m.options.State == "" {
		return nil
	}
	save := func() error { return store(m.options.State, m.list.targets()) }
	if err := save(); err != nil {
		return err
	}
	m.tasks.Go(func() {
		for ending := false; !ending; {
			select {
			case <-m.changed:
			case <-m.ctx.Done():
				ending = true
			}
			if err := save(); err != nil {
				m.options.Log.Error("The list of peers is not saved", "file", m.options.State, "error", err)
			}
		}
	})
	return nil
}

// save asks for the list to be written. Many changes at once cost few writes.
func (m *Mesh) save() {
	select {
	case m.changed <- struct{}{}:
	default: // it is about to be written, with this change
	}
}

// targets is the list as it is saved.
func (l *list) targets() []Target {
	peers := l.all()
	targets := make([]Target, len(peers))
	for i, p := range peers {
		targets[i] = p.given
		if p.saysItself() {
			targets[i].Location = "" // it will again
		}
	}
	return targets
}
