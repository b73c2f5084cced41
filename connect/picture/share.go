package picture

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// shareChart shows each host's part, the largest first, against the part that it is due: as expected, or, if that is nil, the same as
// all others.
func shareChart(name, title, noun string, hosts connect.Hosts, expected map[string]float64) Chart {
	names := hostsByCount(hosts, expected)
	sum := hosts.Total()
	share := func(n float64) float64 { return n / float64(max(sum, 1)) }
	due := func(string) float64 { return 1 / float64(len(names)) }
	mark := "expected " + units.Percent(due(""))
	if expected != nil {
		due = func(host string) float64 { return expected[host] }
		mark = "expected by its weight"
	}
	c := Chart{
		Name: name, Title: title, Table: Table{Columns: []string{"backend", noun, "share", "expected"}},
		Description: fmt.Sprintf("%s %s of %s; the largest share is %s, the smallest %s.", count(sum), noun, plural(len(names), "backend", "backends"),
			units.Percent(share(float64(hosts[names[0]]))), units.Percent(share(float64(hosts[names[len(names)-1]])))),
	}
	rows := make([]bar, len(names))
	for i, host := range names {
		n := float64(hosts[host])
		c.Table.Rows = append(c.Table.Rows, []string{host, count(hosts[host]), units.Percent(share(n)), units.Percent(due(host))})
		rows[i] = bar{name: host, text: units.Percent(share(n)) + " (" + count(hosts[host]) + ")", parts: []part{{plain, share(n)}}, expected: due(host)}
	}
	c.drawing = &bars{keys: []entry{{paint: plain, name: "share"}, {ink, mark, upright}}, rows: fold(rows, func(middle []bar) bar {
		average := averagePart(middle, 0)
		return bar{
			name: count(int64(len(middle))) + " between, on average", text: units.Percent(average) + " (" + units.Number(average*float64(sum)) + ")",
			parts: []part{{plain, average}}, expected: averageExpected(middle),
		}
	})}
	return c
}

// hostsByCount are all that answered or should have.
func hostsByCount(hosts connect.Hosts, expected map[string]float64) []string {
	all := copyOf(hosts)
	for host := range expected {
		all[host] += 0
	}
	return stats.MostFirst(all)
}

// balanceOf judges the answers of calls.
func balanceOf(c *recording.Call) balance.Balance { return balance.Of(c.Hosts, c.Weights) }

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// copyOf is never nil.
func copyOf(hosts connect.Hosts) connect.Hosts {
	c := make(connect.Hosts, len(hosts))
	maps.Copy(c, hosts)
	return c
}
