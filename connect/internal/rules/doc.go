// Package rules says what each call does with its connections, once for all drivers. Rules have neither sockets nor a clock: the core
// tells them events, and they call the core.
package rules
