package source_test

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

func TestParsePool(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		size        uint64
		first, last string
	}{
		"10.0.0.5":                          {1, "10.0.0.5", "10.0.0.5"},
		"127.9.0.0/24":                      {254, "127.9.0.1", "127.9.0.254"},
		"127.9.0.77/24":                     {254, "127.9.0.1", "127.9.0.254"},
		"10.0.0.4/31":                       {2, "10.0.0.4", "10.0.0.5"},
		"10.0.0.4/32":                       {1, "10.0.0.4", "10.0.0.4"},
		"50.0.0.0/16":                       {65534, "50.0.0.1", "50.0.255.254"},
		"0.0.0.0/0":                         {1<<32 - 2, "0.0.0.1", "255.255.255.254"},
		"10.0.0.250-10.0.1.5":               {12, "10.0.0.250", "10.0.1.5"},
		"10.0.0.1, 10.0.0.9-10.0.0.10":      {3, "10.0.0.1", "10.0.0.10"},
		"::1":                               {1, "::1", "::1"},
		"5000::/112":                        {65536, "5000::", "5000::ffff"},
		"2001:db8::ffff-2001:db8::1:0001":   {3, "2001:db8::ffff", "2001:db8::1:1"},
		"fe80::1%lo":                        {1, "fe80::1%lo", "fe80::1%lo"},
		"2001:db8::/65":                     {1 << 63, "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff"},
		"::ffff:10.0.0.1":                   {1, "10.0.0.1", "10.0.0.1"},
		"2001:db8::/32":                     {math.MaxUint64, "2001:db8::", "2001:db8::ffff:ffff:ffff:fffe"},
		"2001:db8::/64,2001:db9::1":         {math.MaxUint64, "2001:db8::", "2001:db8::ffff:ffff:ffff:fffe"},
		"2001:db8::-2001:dc8::":             {math.MaxUint64, "2001:db8::", "2001:db8::ffff:ffff:ffff:fffe"},
		"::ffff:ffff:ffff:ffff-::1:0:0:0:0": {2, "::ffff:ffff:ffff:ffff", "0:0:0:1::"},
	} {
		pool, err := source.ParsePool(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.size, pool.Size(), text)
		assert.Equal(t, netip.MustParseAddr(want.first), pool.At(0), text)
		assert.Equal(t, netip.MustParseAddr(want.last), pool.At(want.size-1), text)
		assert.Equal(t, pool.At(0), pool.At(want.size), "%s starts again", text)
		assert.Equal(t, text, pool.String())
	}
}

func TestParsePoolSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                    `"" is not an IP address`,
		"web":                 `"web" is not an IP address`,
		"10.0.0":              `"10.0.0" is not an IP address`,
		"10.0.0.0/33":         `"10.0.0.0/33" is not a CIDR`,
		"10.0.0.1,":           `"" is not an IP address`,
		"10.0.0.9-10.0.0.1":   "ends (10.0.0.1) before it begins (10.0.0.9)",
		"10.0.0.1-":           `"" is not an IP address`,
		"10.0.0.1-::5":        "from IPv4 to IPv6",
		"10.0.0.1,::1":        "::1 is IPv6",
		"10.0.0.1-10.0.0.2-3": `"10.0.0.2-3" is not an IP address`,
		"224.0.0.0/4":         "no connection can come from 224.0.0.1",
		"255.255.255.255":     "no connection can come from 255.255.255.255",
		"::1,ff02::1":         "no connection can come from ff02::1",
	} {
		_, err := source.ParsePool(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, "want an address, a CIDR, a range")
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"10.0.0.5":                     {"10.0.0.5/32"},
		"10.0.0.4/31":                  {"10.0.0.4/31"},
		"10.0.0.0/29":                  {"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"},
		"10.0.0.254-10.0.1.2,10.9.0.0": {"10.0.0.254/31", "10.0.1.0/31", "10.0.1.2/32", "10.9.0.0/32"},
		"2001:db8::/112":               {"2001:db8::/112"},
		"2001:db8::ffff-2001:db8::1:0": {"2001:db8::ffff/128", "2001:db8::1:0/128"},
		"fe80::1%lo":                   {"fe80::1/128"},
		"0.0.0.0-255.255.255.254":      nil, // checked below
	} {
		pool, err := source.ParsePool(text)
		require.NoError(t, err, text)
		var got []string
		all := uint64(0)
		for _, p := range pool.Prefixes() {
			got = append(got, p.String())
			all += 1 << (p.Addr().BitLen() - p.Bits())
		}
		assert.Equal(t, pool.Size(), all, text)
		if want != nil {
			assert.Equal(t, want, got, text)
		}
	}
}

// Of a pool, those addresses are counted that a network has, too.
func TestWithin(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		pool, network string
		want          uint64
	}{
		{"10.0.0.0/24", "10.0.0.0/25", 127}, // without the network's own address
		{"10.0.0.0/24", "10.0.0.64/26", 64},
		{"10.0.0.0/24", "10.0.0.0/8", 254},
		{"10.0.0.0/24", "10.0.1.0/24", 0},
		{"10.0.0.5,10.0.0.9,10.0.1.1", "10.0.0.0/28", 2},
		{"2001:db8::/64", "2001:db8::/96", 1 << 32},
		{"2001:db8::/48", "2001:db8::/56", math.MaxUint64},
		{"10.0.0.5", "2001:db8::/48", 0},
		{"fe80::1%lo", "fe80::/64", 1},
	} {
		pool, err := source.ParsePool(row.pool)
		require.NoError(t, err)
		assert.Equal(t, row.want, pool.Within(netip.MustParsePrefix(row.network)), "%+v", row)
	}
}

func TestEmptyPool(t *testing.T) {
	t.Parallel()
	var pool source.Pool
	assert.False(t, pool.At(5).IsValid())
	assert.Zero(t, pool.Size())
}

func TestParsePorts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]source.Ports{
		"10000-20000": {First: 10000, Last: 20000},
		"1 - 65535":   {First: 1, Last: 65535},
		"8080":        {First: 8080, Last: 8080},
	} {
		ports, err := source.ParsePorts(text)
		require.NoError(t, err)
		assert.Equal(t, want, ports)
		assert.EqualValues(t, want.Last-want.First, ports.Count()-1)
		again, err := source.ParsePorts(ports.String())
		require.NoError(t, err)
		assert.Equal(t, ports, again)
	}
	for _, text := range []string{"", "-", "0", "0-5", "5-", "7-3", "65536", "a-b", "1-2-3"} {
		_, err := source.ParsePorts(text)
		assert.ErrorContains(t, err, "want a range of ports", text)
	}
	assert.Zero(t, source.Ports{}.Count())
	assert.Empty(t, source.Ports{}.String())
}

func TestSequenceInOrder(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("10.0.0.1-10.0.0.3")
	require.NoError(t, err)
	s := source.Sequence{Pool: pool, Ports: source.Ports{First: 100, Last: 101}, Start: 2}
	got := make([]string, 0, 7)
	for n := range uint64(7) {
		got = append(got, s.At(n).String())
	}
	assert.Equal(t, []string{"10.0.0.3:100", "10.0.0.1:101", "10.0.0.2:101", "10.0.0.3:101", "10.0.0.1:100", "10.0.0.2:100", "10.0.0.3:100"}, got,
		"connection i of the whole test has source i mod S and port (i div S) mod P")
	assert.EqualValues(t, 2, s.Position(0))
	assert.EqualValues(t, 0, s.Position(1))
}

func TestSequenceOfPortsAlone(t *testing.T) {
	t.Parallel()
	s := source.Sequence{Ports: source.Ports{First: 100, Last: 102}}
	assert.True(t, s.Chosen())
	assert.False(t, s.At(0).Addr().IsValid())
	assert.EqualValues(t, 101, s.At(4).Port())
}

func TestSequenceOfNothing(t *testing.T) {
	t.Parallel()
	var s source.Sequence
	assert.False(t, s.Chosen())
	assert.Equal(t, netip.AddrPort{}, s.At(3))
}

func TestSequenceAtRandom(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("127.9.0.0/24")
	require.NoError(t, err)
	ports := source.Ports{First: 1000, Last: 1999}
	one := source.Sequence{Pool: pool, Ports: ports, Random: true, Seed: 1}
	same := source.Sequence{Pool: pool, Ports: ports, Random: true, Seed: 1}
	other := source.Sequence{Pool: pool, Ports: ports, Random: true, Seed: 2}
	const n = 25_400
	differ := 0
	counts := map[netip.Addr]int{}
	for i := range uint64(n) {
		assert.Equal(t, one.At(i), same.At(i))
		assert.Equal(t, pool.At(one.Position(i)), one.At(i).Addr())
		counts[one.At(i).Addr()]++
		if one.At(i) != other.At(i) {
			differ++
		}
	}
	assert.Len(t, counts, 254)
	for addr, k := range counts {
		assert.InDelta(t, 100, k, 60, "%s, six standard deviations", addr)
	}
	assert.Greater(t, differ, n*99/100)
}

func TestSequencesThatAreTheSame(t *testing.T) {
	t.Parallel()
	pool := func(text string) *source.Pool {
		p, err := source.ParsePool(text)
		require.NoError(t, err)
		return p
	}
	one := source.Sequence{Pool: pool("10.0.0.0/24"), Ports: source.Ports{First: 1, Last: 9}, Start: 5, Seed: 1}
	for name, row := range map[string]struct {
		other source.Sequence
		same  bool
	}{
		"itself":       {one, true},
		"a copy":       {source.Sequence{Pool: pool("10.0.0.0/24"), Ports: one.Ports, Start: 5}, true},
		"other pool":   {source.Sequence{Pool: pool("10.0.1.0/24"), Ports: one.Ports, Start: 5}, false},
		"no pool":      {source.Sequence{Ports: one.Ports, Start: 5}, false},
		"other ports":  {source.Sequence{Pool: one.Pool, Ports: source.Ports{First: 1, Last: 8}, Start: 5}, false},
		"other start":  {source.Sequence{Pool: one.Pool, Ports: one.Ports, Start: 6}, false},
		"random":       {source.Sequence{Pool: one.Pool, Ports: one.Ports, Start: 5, Seed: 1, Random: true}, false},
		"of the seeds": {source.Sequence{Pool: one.Pool, Ports: one.Ports, Start: 5, Seed: 2}, true},
	} {
		assert.Equal(t, row.same, one.Same(&row.other), name)
		assert.Equal(t, row.same, row.other.Same(&one), name)
	}
	random, other := source.Sequence{Random: true, Seed: 1}, source.Sequence{Random: true, Seed: 2}
	assert.True(t, random.Same(&random))
	assert.False(t, random.Same(&other))
}

func FuzzParsePool(f *testing.F) {
	for _, seed := range []string{"10.0.0.1", "10.0.0.0/8", "::/0", "10.0.0.1-10.0.0.9,127.0.0.1", "fe80::1%eth0-fe80::5", "-", ",", "/"} {
		f.Add(seed, uint64(5))
	}
	f.Fuzz(func(t *testing.T, text string, i uint64) {
		pool, err := source.ParsePool(text)
		if err != nil {
			return
		}
		addr := pool.At(i)
		assert.True(t, addr.IsValid())
		assert.Equal(t, pool.Is4(), addr.Is4())
		assert.NotZero(t, pool.Size())
	})
}

func FuzzParsePorts(f *testing.F) {
	for _, seed := range []string{"1-2", "65535", "-", "a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ports, err := source.ParsePorts(text)
		if err != nil {
			return
		}
		assert.NotZero(t, ports.First)
		assert.GreaterOrEqual(t, ports.Last, ports.First)
	})
}

// Parts of a sequence of sources never overlap, for any number of sources, ports and parts.
func TestShares(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pool  string
		ports source.Ports
		of    uint64
	}{
		{"10.0.0.1-10.0.0.8", source.Ports{First: 1000, Last: 1031}, 2}, // powers of two
		{"10.0.0.1-10.0.0.8", source.Ports{First: 1000, Last: 1031}, 3},
		{"10.0.0.1-10.0.0.7", source.Ports{First: 1000, Last: 1010}, 5},
		{"10.0.0.0/24", source.Ports{}, 4},
	} {
		pool, err := source.ParsePool(test.pool)
		require.NoError(t, err)
		size := pool.Size() * max(test.ports.Count(), 1)
		seen := map[netip.AddrPort]bool{}
		for part := range test.of {
			s := source.Sequence{Pool: pool, Ports: test.ports}
			s.Start = s.Share(part, test.of)
			for n := range size / test.of {
				assert.False(t, seen[s.At(n)], "%s again in part %d of %d of %s", s.At(n), part, test.of, test.pool)
				seen[s.At(n)] = true
			}
		}
	}
	huge, err := source.ParsePool("2001:db8::/32")
	require.NoError(t, err)
	for _, s := range []source.Sequence{{Pool: huge}, {Pool: huge, Ports: source.Ports{First: 1, Last: 2}}, {Random: true}} {
		assert.Zero(t, s.Share(0, 1), "a test's only scenario begins with the first source")
		assert.Equal(t, uint64(1)<<62-1, s.Share(1, 4))
	}
	none := source.Sequence{}
	assert.Zero(t, none.Share(2, 3))
}
