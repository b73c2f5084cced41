package verdicts

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Failed is the verdict on a call that was rejected or threw.
func Failed(call string, err error) connect.Verdict {
	return connect.Verdict{Name: Ran, Text: fmt.Sprintf("%s() did not run: %v", call, err)}
}

// Threw is the verdict on a script that threw an exception of its own.
func Threw(err error) connect.Verdict {
	return connect.Verdict{Name: Ran, Text: fmt.Sprintf("the script should run to its end, but an exception has ended the iteration, and what came after it was not tested: %v", err)}
}
