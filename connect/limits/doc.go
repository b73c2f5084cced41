// Package limits tells what this process may use of the system: what bounds the connections of client and server alike.
package limits
