//go:build !linux

package limits

func systemChecks(Need) []Check { return nil }
