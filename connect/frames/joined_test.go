package frames

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// numbered is a queue with a number, and one frame.
type numbered struct {
	Queue
	number    byte
	committed int
}

func (n *numbered) Commit(int)         { n.committed++ }
func (n *numbered) Descriptors() []int { return []int{int(n.number)} }

func (n *numbered) Receive(take func([]byte)) int {
	take([]byte{n.number})
	return 1
}

// severalQueues is a device with no more than queues.
type severalQueues struct {
	Device
	queues []Queue
}

func (s severalQueues) Queues() []Queue { return s.queues }

// Each queue has one user, who sends on one of its own.
func TestSplit(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		queues, users int
		want          [][]byte
	}{
		"one each":            {3, 3, [][]byte{{0}, {1}, {2}}},
		"fewer than users":    {2, 8, [][]byte{{0}, {1}}},
		"more than users":     {5, 2, [][]byte{{0, 2, 4}, {1, 3}}},
		"all for one":         {3, 1, [][]byte{{0, 1, 2}}},
		"one, all for itself": {1, 1, [][]byte{{0}}},
	} {
		var d severalQueues
		for i := range row.queues {
			d.queues = append(d.queues, &numbered{number: byte(i)}) // #nosec G115 -- few
		}
		users := Split(d, row.users)
		var got [][]byte
		for _, q := range users {
			var mine []byte
			n := q.Receive(func(frame []byte) { mine = append(mine, frame...) })
			assert.Len(t, mine, n, name)
			assert.Len(t, q.Descriptors(), n, name)
			got = append(got, mine)
			q.Commit(1)
			assert.Equal(t, 1, d.queues[mine[0]].(*numbered).committed, name) //nolint:forcetypeassert // made above
		}
		assert.Equal(t, row.want, got, name)
	}
}
