package advice

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect"

// Control adds to the failure of the connection that was used at once what a script can do about it.
func Control(c *connect.IdleControl) {
	const options = "idle() needs a service that answers what it is sent: one that echoes (mconnect-server -echo), or options payload and reply"
	switch {
	case c.Answered:
	case c.Failure == nil:
		c.Message = "no connection was established"
	case c.Error == connect.ClassNoReply || c.Error == connect.ClassBadReply || c.Error == connect.ClassClosed:
		c.Message = c.Failure.Error() + "; " + options
	default:
		c.Message = On(*c.Failure)
	}
}
