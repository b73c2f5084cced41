package options

// Meant is the known name for which an unknown one most likely stands, as a letter or two are wrong; "" if there is none.
func Meant(name string, known []string) (meant string) {
	const most, lettersForEach = 2, 3
	least := min(most, len(name)/lettersForEach)
	for _, other := range known {
		if letters := distance(name, other); letters <= least && (meant == "" || letters < distance(name, meant)) {
			meant = other
		}
	}
	return meant
}

// distance is how many letters must be put in, left out or replaced to make one name of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
