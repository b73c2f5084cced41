package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// mesh takes the page of a mesh of five servers, one of which has gone.
func mesh(ctx context.Context, scratch string) error {
	const port = 18090 // and those after it
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", port+i) }
	ctx, end := context.WithCancel(ctx)
	var servers []*exec.Cmd
	defer func() {
		end()
		for _, s := range servers {
			_ = s.Wait()
		}
	}()
	locations := []string{"Berlin,DE", "Madrid,ES", "Oslo,NO", "Porto,PT", "Vienna,AT"}
	for i, location := range locations {
		s := exec.CommandContext(ctx, "./mconnect-server", "-address", "127.0.0.1:0", "-http", address(i), "-location", location, // #nosec G204 -- lines of its own
			"-ping-delay", "500ms", "-peer", "http://"+address((i+1)%len(locations))+"/v1/ping?addpeers=true")
		s.Stderr = os.Stderr
		if err := s.Start(); err != nil {
			return fmt.Errorf("./mconnect-server (make build): %w", err)
		}
		servers = append(servers, s)
	}
	page := "http://" + address(0)
	if err := await(ctx, page, func(m *matrix) bool { return m.measured() == len(locations)*(len(locations)-1) }); err != nil {
		return fmt.Errorf("the mesh: %w", err)
	}
	_ = servers[len(servers)-1].Process.Kill()
	if err := await(ctx, page, func(m *matrix) bool { return len(m.Down) == 1 && len(m.Down[0].By) == len(locations)-1 }); err != nil {
		return fmt.Errorf("the mesh without %s: %w", locations[len(locations)-1], err)
	}
	return shoot(ctx, scratch, "mesh", page, 760)
}

// matrix is what /v1/matrix tells, as far as it is looked at.
type matrix struct {
	Cells [][]*struct {
		Median float64 `json:"median"` // 0 is no answer yet
	} `json:"cells"`
	Down []struct {
		By []string `json:"by"`
	} `json:"down"`
}

// measured is how many pairs of servers have a median.
func (m *matrix) measured() (n int) {
	for _, row := range m.Cells {
		for _, cell := range row {
			if cell != nil && cell.Median > 0 {
				n++
			}
		}
	}
	return n
}

// await asks a server for the matrix until that is as wanted, a minute at most.
func await(ctx context.Context, page string, wanted func(*matrix) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var m matrix
		err := ask(ctx, page+"/v1/matrix", &m)
		if err == nil && wanted(&m) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(time.Second):
		}
	}
}

func ask(ctx context.Context, url string, m *matrix) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request) // #nosec G704 -- a server of its own
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(m)
}
