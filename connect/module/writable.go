package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// checkWritable says which file of a summary can't be written. k6 exits well even if handleSummary throws, so a script must fail before that.
// A process needs it once only: all VUs write the same files.
func (r *RootModule) checkWritable(o *options.Summary) (err error) {
	for option, name := range map[string]string{"html": o.HTML, "junit": o.JUnit, "json": o.JSON, "svg": o.SVG} {
		if _, checked := r.writable.LoadOrStore(name, true); name == "" || checked {
			continue
		}
		check := writableFile
		if option == "svg" {
			check = writableFolder
		}
		if why := check(name); why != nil {
			r.writable.Delete(name)
			err = fmt.Errorf("summary(): option %q: got %q; want a name that this process can write to: %w", option, name, quote.Error(why))
		}
	}
	return err
}

// writableFile reports why a file can't be written. It leaves no trace.
func writableFile(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writableFolder(filepath.Dir(name))
	case err != nil:
		return err //nolint:wrapcheck // says what was tried, on which file
	case info.IsDir():
		return &fs.PathError{Op: "write", Path: name, Err: errors.New("it is a directory")}
	case !info.Mode().IsRegular():
		return nil // a device, or a pipe, which may wait for its reader
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0) // #nosec G304 -- the script's own
	if err != nil {
		return err //nolint:wrapcheck // likewise
	}
	return file.Close() //nolint:wrapcheck // likewise
}

// writableFolder reports why files can't be made in a folder, which is made with all above it if it does not exist.
func writableFolder(name string) error {
	_, err := os.Stat(name)
	if parent := filepath.Dir(name); errors.Is(err, fs.ErrNotExist) && parent != name {
		return writableFolder(parent)
	}
	file, err := os.CreateTemp(name, ".mconnect-*")
	if err != nil {
		return err //nolint:wrapcheck // says what was tried, on which file
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
