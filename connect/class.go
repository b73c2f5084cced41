package connect

import (
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Class says why a connection failed. The zero value means that it did not.
type Class = class.Class

// The classes of failure, as package class explains them.
const (
	ClassNone             = class.None
	ClassRefused          = class.Refused
	ClassTimeout          = class.Timeout
	ClassReset            = class.Reset
	ClassClosed           = class.Closed
	ClassHostUnreachable  = class.HostUnreachable
	ClassNetUnreachable   = class.NetUnreachable
	ClassAddrInUse        = class.AddrInUse
	ClassAddrNotAvailable = class.AddrNotAvailable
	ClassFDLimit          = class.FDLimit
	ClassNoReply          = class.NoReply
	ClassBadReply         = class.BadReply
	ClassDNS              = class.DNS
	ClassBlocked          = class.Blocked
	ClassTLS              = class.TLS
	ClassAborted          = class.Aborted
	ClassOther            = class.Other
)

func classify(err error) Class { return class.Of(err) }

func classifyErrno(errno syscall.Errno) Class { return class.OfErrno(errno) }
