/// Sets blocks into strips of one width.
struct BlockSetter {
    let type: TypeCase
    let width: Length

    func strips(_ blocks: [Block]) -> [Strip] {
        var strips: [Strip] = []
        var gap = Length.zero
        for block in blocks {
            if case .gap(let length) = block {
                gap += length
                continue
            }
            var added = set(block)
            guard !added.isEmpty else { continue }
            added[0].measure.spaceAbove += gap
            gap = .zero
            strips += added
        }
        return strips
    }

    private func set(_ block: Block) -> [Strip] {
        switch block {
        case .text(let paragraph): [set(paragraph)]
        case .table(let table): TableSetter(type: type, width: width, table: table).strips()
        case .columns(let columns): [set(columns)]
        case .gap: []
        case .rule(let rule):
            [Strip(height: rule.thickness, marks: [.rule(rule, x: .zero, y: .zero, width: width)])]
        case .picture(let picture, let height):
            [set(picture, picture.height(height, within: width))]
        case .together(let blocks): together(strips(blocks))
        }
    }

    private func set(_ picture: Picture, _ height: Length) -> Strip {
        Strip(height: height, marks: [.picture(picture, x: .zero, y: .zero, height: height)])
    }

    private func set(_ paragraph: Paragraph) -> Strip {
        let text = type.shape(paragraph.text, paragraph.style, within: width)
        let mark = Strip.Mark.text(
            text,
            x: .zero,
            y: .zero,
            width: width,
            paragraph.alignment,
            paragraph.style.ink
        )
        return Strip(height: text.height, marks: [mark])
    }

    private func set(_ columns: [Column]) -> Strip {
        let shares = columns.reduce(0) { $0 + $1.share }
        var marks: [Strip.Mark] = []
        var height = Length.zero
        var begin = 0
        for column in columns {
            let x = width * begin / max(shares, 1)
            let part = BlockSetter(type: type, width: width * column.share / max(shares, 1))
            let strips = part.strips(column.blocks)
            marks += strips.marks.map { $0.moved(right: x, down: .zero) }
            height = max(height, strips.height)
            begin += column.share
        }
        return Strip(height: height, marks: marks)
    }

    private func together(_ strips: [Strip]) -> [Strip] {
        var strips = strips
        for index in strips.indices.dropLast() {
            strips[index].measure.staysWithNext = true
        }
        return strips
    }
}
