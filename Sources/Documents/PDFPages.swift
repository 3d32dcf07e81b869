import CPango

extension Document {
    /// The document as a PDF: the same bytes for the same document, fonts and libraries.
    package func pdf() throws(DocumentError) -> [UInt8] {
        try PDFPages(self).bytes()
    }
}

/// Draws a document's pages.
private struct PDFPages {
    let document: Document
    let setter: BlockSetter
    /// Room for the foot and for the head, the same on every page, with the gap to the body.
    let footHeight: Length
    let headHeight: Length

    init(_ document: Document) throws(DocumentError) {
        self.document = document
        setter = BlockSetter(type: try TypeCase(), width: document.paper.textWidth)
        // The widest count that a page may state, so that no foot needs more room than this one.
        let example = PageNumber(number: 2, count: 9999)
        footHeight = Self.height(setter.strips(document.foot(example)), document.paper)
        headHeight = Self.height(setter.strips(document.head(example)), document.paper)
    }

    private static func height(_ strips: [Strip], _ paper: Paper) -> Length {
        strips.isEmpty ? .zero : strips.height + paper.furnitureGap
    }

    func bytes() throws(DocumentError) -> [UInt8] {
        let paper = document.paper
        let body = paper.height - paper.top - paper.bottom - footHeight
        var strips = setter.strips(document.blocks)
        for index in strips.indices {
            strips[index].allowCuts(above: body - headHeight - strips[index].measure.headHeight)
        }
        let pages = PageBreaker.pages(
            of: strips.map(\.measure),
            firstHeight: body,
            otherHeight: body - headHeight
        )
        let surface = try PDFSurface(paper: paper)
        surface.state(document)
        for (index, page) in pages.enumerated() {
            let number = PageNumber(number: index + 1, count: pages.count)
            draw(page, of: strips, number, on: surface)
            surface.finishPage()
        }
        return try surface.finish()
    }

    private func draw(
        _ page: [PageBreaker.Placement],
        of strips: [Strip],
        _ number: PageNumber,
        on surface: PDFSurface
    ) {
        let paper = document.paper
        var bodyTop = paper.top
        if number.number > 1 {
            surface.draw(setter.strips(document.head(number)), x: paper.side, y: paper.top)
            bodyTop += headHeight
        }
        for placement in page {
            let strip = strips[placement.strip]
            var top = bodyTop + placement.top
            if placement.repeatsHead {
                surface.draw(strip.head, x: paper.side, y: top)
                top += strip.measure.headHeight
            }
            surface.draw(strip, placement.slice, x: paper.side, y: top)
        }
        let foot = setter.strips(document.foot(number))
        surface.draw(foot, x: paper.side, y: paper.height - paper.bottom - foot.height)
    }
}
