package quote

import (
	"regexp"
	"strings"
)

// command is the beginning of what a CI system obeys where it finds it in a job's log: ##vso[…] of Azure Pipelines, ##[…] of both that and
// GitHub Actions, ##teamcity[…], and ::error::… of GitHub Actions, whose names have a letter that no IPv6 address has.
var command = regexp.MustCompile(`(?i)##[a-z]*\[|::[a-z-]*[g-z-][a-z-]*(?: [^:]*)?::`)

// withoutCommands escapes the characters that make a command of a text.
func withoutCommands(s string) string {
	if !strings.Contains(s, "##") && !strings.Contains(s, "::") { // almost all
		return s
	}
	return command.ReplaceAllStringFunc(s, strings.NewReplacer("##", `\x23\x23`, "::", `\x3a\x3a`).Replace)
}
