// Package catalogue holds the data sets that come with the program: small, well known, and free to pass on (see ATTRIBUTION.txt beside them).
package catalogue

import (
	"bytes"
	"embed"
	"sort"

	"modelc/internal/data/files"
	"modelc/internal/data/table"
)

//go:embed iris.csv digits.csv.gz ATTRIBUTION.txt
var embedded embed.FS

var sets = map[string]string{"iris": "iris.csv", "digits": "digits.csv.gz"}

// Names lists the data sets.
func Names() []string {
	names := make([]string, 0, len(sets))
	for n := range sets {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Has reports whether there is a data set of the name.
func Has(name string) bool { return sets[name] != "" }

// Iris reads the 150 flowers: sepal_length, sepal_width, petal_length, petal_width in cm and species (0 setosa, 1 versicolor, 2 virginica).
func Iris() (*table.Table, error) {
	r, err := open("iris")
	if err != nil {
		return nil, err
	}
	return table.Read(r, table.Options{Delimiter: ','})
}

// Digits reads the 1,797 pictures of handwritten digits: 64 pixels of 0 to 16, row by row, and the digit.
func Digits() (pixels, labels []uint8, err error) {
	r, err := open("digits")
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, 65)
	t, err := table.Read(r, table.Options{Delimiter: ',', Columns: names})
	if err != nil {
		return nil, nil, err
	}
	for i := range t.Rows() {
		for j := range 65 {
			v := uint8(0)
			for _, c := range []byte(t.Field(i, j)) {
				v = v*10 + c - '0'
			}
			if j < 64 {
				pixels = append(pixels, v)
			} else {
				labels = append(labels, v)
			}
		}
	}
	return pixels, labels, nil
}

func open(name string) (*files.Reader, error) {
	b, err := embedded.ReadFile(sets[name])
	if err != nil {
		panic("catalogue: " + err.Error())
	}
	return files.Bytes("dataset "+name, bytes.NewReader(b), int64(len(b)))
}
