package limits

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// A kernel without AF_XDP is enough if it has tcx filters, and then the check says what is used in its place.
func TestFrameCheck(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		xdp  uint64
		tcx  bool
		ok   bool
		text string
	}{
		"AF_XDP":         {1, false, true, "AF_XDP: present"},
		"AF_PACKET only": {0, true, true, "AF_XDP: missing; AF_PACKET, which is slower, is used in its place; a kernel with CONFIG_XDP_SOCKETS has both"},
		"neither":        {0, false, false, "AF_XDP: missing; a kernel with CONFIG_XDP_SOCKETS, Linux 5.4 or later; or Linux 6.6, to go over AF_PACKET"},
	} {
		c := frameCheck(row.xdp, func() bool { return row.tcx })
		assert.Equal(t, row.ok, c.OK, name)
		assert.Equal(t, row.text, c.String(), name)
	}
}

// What is asked is what attaching such a filter would tell.
func TestHasTCX(t *testing.T) {
	t.Parallel()
	const purpose = "load BPF programs"
	needs.Root(t, purpose)
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	needs.Allowed(t, purpose, err)
	require.NoError(t, err)
	defer func() { _ = program.Close() }()
	const nowhere = 1 << 30
	_, err = link.AttachTCX(link.TCXOptions{Program: program, Interface: nowhere, Attach: ebpf.AttachTCXIngress})
	require.Error(t, err)
	assert.Equal(t, !errors.Is(err, ebpf.ErrNotSupported), hasTCX(), "%v", err)
}
