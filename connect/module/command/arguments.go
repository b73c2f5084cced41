package command

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/tools"
)

// Arguments is called before k6 starts, with the command line of the process, and returns the one that k6 is to read.
//
// A process whose name is that of a tool, as that of a symbolic link to k6 may be, is that tool: `mconnect -nconn 5` is
// `k6 x mconnect mconnect -nconn 5`. So is `k6 x mconnect` with a tool's own flags. For `k6 x mconnect`, k6 is kept from looking for other
// extensions in the network, which takes up to 10 s where that drops packets. All other command lines stay as they are.
func Arguments(args []string) []string {
	if len(args) == 0 {
		return args
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if _, isTool := tools.All[name]; isTool {
		args = slices.Concat([]string{args[0], "x", "mconnect", name}, args[1:])
	}
	if len(args) < 3 || args[1] != "x" || args[2] != "mconnect" {
		return args
	}
	if _, set := os.LookupEnv(state.AutoExtensionResolution); !set {
		_ = os.Setenv(state.AutoExtensionResolution, "false") // fails for names that are none
	}
	return append(slices.Clone(args[:3]), asTool(args[3:])...)
}

// asTool makes a call with a tool's own flags that tool's command.
func asTool(args []string) []string {
	if len(args) == 0 {
		return args
	}
	rest := args[1:]
	switch {
	case strings.HasPrefix(args[0], "-") && nameOf(args[0]) != "h" && tools.HasFlag("mconnect", nameOf(args[0])):
		return slices.Concat([]string{"mconnect"}, args)
	case args[0] == "hold" && isTcpgoon(rest):
		return slices.Concat([]string{"tcpgoon"}, rest)
	case args[0] == "traffic" && slices.ContainsFunc(rest, func(a string) bool { return isLong(a) && tools.HasFlag("ctraffic", nameOf(a)) }):
		return slices.Concat([]string{"ctraffic"}, rest)
	case args[0] == "ping" && slices.ContainsFunc(beforeURL(rest), func(a string) bool {
		return len(a) == 2 && a[0] == '-' && a != "-h" && tools.HasFlag("perftest", a[1:])
	}):
		return slices.Concat([]string{"perftest"}, rest)
	}
	return args
}

// beforeURL are the arguments up to the first URL. perftest takes what follows for more URLs, so a flag there is not its own.
func beforeURL(args []string) []string {
	if at := slices.IndexFunc(args, func(a string) bool { return strings.Contains(a, "://") }); at >= 0 {
		return args[:at]
	}
	return args
}

// isLong reports whether an argument is a flag of package flag's: one hyphen, and a name of several letters.
func isLong(arg string) bool { return len(arg) > 2 && arg[0] == '-' && arg[1] != '-' }

// nameOf is the name of a flag.
func nameOf(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

// isTcpgoon reports whether arguments are tcpgoon's: its own flags, or a host and a port of their own.
func isTcpgoon(args []string) bool {
	var last string
	for _, arg := range args {
		if isFlag := strings.HasPrefix(arg, "-") && arg != "-h" && arg != "-q"; isFlag {
			if name := nameOf(arg); len(name) == 1 && arg[1] != '-' || slices.Contains([]string{"assume-yes", "dial-timeout", "interval", "sleep"}, name) {
				return true
			}
			last = ""
			continue
		}
		if port, err := strconv.Atoi(arg); err == nil && port > 0 && last != "" && !strings.Contains(last, ":") {
			return true
		}
		last = arg
	}
	return false
}
