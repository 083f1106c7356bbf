package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A table as the CLI prints it with --json: rows are maps from a key made of the column's title.
type table struct {
	content string
	titles  []string
	rows    [][]string
	notes   []string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

type jsonTable struct {
	Content string
	Header  map[string]string
	Rows    []map[string]string
	Notes   []string
}

// Output is kept until the end: with --json all of it is one document.
type output struct {
	json   bool
	Tables []jsonTable
	Blocks []string
	Lines  []string
}

func (o *output) line(pattern string, values ...any) {
	o.Lines = append(o.Lines, fmt.Sprintf(pattern, values...))
}
func (o *output) block(text string) { o.Blocks = append(o.Blocks, text) }

func (o *output) table(t table) {
	printed := jsonTable{Content: t.content, Header: map[string]string{}, Rows: []map[string]string{}, Notes: t.notes}
	for _, title := range t.titles {
		printed.Header[keyOf(title)] = title
	}
	for _, row := range t.rows {
		cells := map[string]string{}
		for column, cell := range row {
			cells[keyOf(t.titles[column])] = cell
		}
		printed.Rows = append(printed.Rows, cells)
	}
	o.Tables = append(o.Tables, printed)
}

// keyOf makes "VM CID" vm_cid and "Load\n(1m, 5m, 15m)" load_1m_5m_15m.
func keyOf(title string) string {
	words := strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(words) == 0 {
		return "_"
	}
	return strings.ToLower(strings.Join(words, "_"))
}

func (o *output) print(to io.Writer) error {
	document, err := json.MarshalIndent(struct {
		Tables []jsonTable
		Blocks []string
		Lines  []string
	}{o.Tables, o.Blocks, o.Lines}, "", "    ")
	if err != nil {
		return err
	}
	if o.json {
		_, err = fmt.Fprintln(to, string(document))
		return err
	}
	var text strings.Builder
	for _, t := range o.Tables {
		for _, row := range t.Rows {
			for key, cell := range row {
				fmt.Fprintf(&text, "%s: %s\n", t.Header[key], cell)
			}
			text.WriteString("\n")
		}
	}
	text.WriteString(strings.Join(o.Blocks, ""))
	text.WriteString("\n" + strings.Join(o.Lines, "\n") + "\n")
	_, err = io.WriteString(to, text.String())
	return err
}
