package module

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// placeSources gives the sources of a call with so many connections to a host their place in the whole test, and takes k6's if the script
// has given none. To be called on the VU's goroutine.
func placeSources(ctx context.Context, sources *source.Sequence, connections int64, host string, state *lib.State) error {
	if local := state.Options.LocalIPs; sources.Pool == nil && local.Valid {
		text, err := local.MarshalText()
		if err != nil {
			return err
		}
		if sources.Pool, err = localPool(string(text), host); err != nil {
			return fmt.Errorf("k6's localIPs: %w", err)
		}
	}
	if next := state.GetScenarioGlobalVUIter; next != nil && !inSetup(state) {
		sources.Start = scenarioStart(ctx, sources, state) + next()*uint64(connections) // #nosec G115 -- not negative
	}
	sources.Seed = rand.Uint64() // #nosec G404 -- picks test traffic, not secrets
	return nil
}

// localPool is k6's localIPs. If they are of both IP versions, those count that can reach the host: IPv6 for an IPv6 address, IPv4 for a
// name, as k6 prefers that.
func localPool(text, host string) (*source.Pool, error) {
	to, err := netip.ParseAddr(host)
	is4 := err != nil || to.Unmap().Is4()
	var same, other []string
	for item := range strings.SplitSeq(text, ",") {
		pool, err := source.ParsePool(item)
		switch {
		case err != nil:
			return nil, err
		case pool.Is4() == is4:
			same = append(same, item)
		default:
			other = append(other, item)
		}
	}
	if len(same) == 0 {
		same = other
	}
	return source.ParsePool(strings.Join(same, ","))
}

// scenarioStart is where the sources of this scenario begin. k6 counts iterations by scenario, so each has a part of the sources, and
// a test's only one has all of them.
func scenarioStart(ctx context.Context, sources *source.Sequence, state *lib.State) uint64 {
	scenario := lib.GetScenarioState(ctx)
	if scenario == nil {
		return 0
	}
	names := slices.Sorted(maps.Keys(state.Options.Scenarios)) // the same in all instances of the test
	at := slices.Index(names, scenario.Name)
	if at < 0 {
		return 0
	}
	return sources.Share(uint64(at), uint64(len(names))) // #nosec G115 -- not negative
}
