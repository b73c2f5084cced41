package command_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command"
)

// A tool's own command line leads to that tool, and all others stay as they are.
func TestArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"k6 run script.js":     "",
		"k6 x mconnect":        "",
		"k6 x mconnect --help": "",
		"k6 x mconnect -h":     "",
		"k6 x mconnect flood web:5001 --connections 5":  "",
		"k6 x mconnect hold web:80 --connections 5 -q":  "",
		"k6 x mconnect traffic web:5003 --monitor 1s":   "",
		"k6 x mconnect ping http://web/ --timeout 2s":   "",
		"k6 x mconnect -address [::1]:5001 -nconn 1000": "k6 x mconnect mconnect -address [::1]:5001 -nconn 1000",
		"k6 x mconnect --nconn=5":                       "k6 x mconnect mconnect --nconn=5",
		"k6 x mconnect hold web 80 -c 10 -y":            "k6 x mconnect tcpgoon web 80 -c 10 -y",
		"k6 x mconnect hold -c 5000 -s 0 -y web 443":    "k6 x mconnect tcpgoon -c 5000 -s 0 -y web 443",
		"k6 x mconnect hold web 80":                     "k6 x mconnect tcpgoon web 80",
		"k6 x mconnect traffic -address a:1 -stats all": "k6 x mconnect ctraffic -address a:1 -stats all",
		"k6 x mconnect ping -n 5 -d 1 http://web/":      "k6 x mconnect perftest -n 5 -d 1 http://web/",
		"k6 x mconnect ping http://web/ -q":             "",
		"k6 x mconnect ping -q http://web/":             "k6 x mconnect perftest -q http://web/",
		"/usr/bin/mconnect -nconn 5":                    "/usr/bin/mconnect x mconnect mconnect -nconn 5",
		"tcpgoon web 80 -y":                             "tcpgoon x mconnect tcpgoon web 80 -y",
		"./ctraffic -monitor":                           "./ctraffic x mconnect ctraffic -monitor",
	} {
		if want == "" {
			want = line
		}
		assert.Equal(t, want, strings.Join(command.Arguments(strings.Fields(line)), " "))
	}
	assert.Empty(t, command.Arguments(nil))
}
