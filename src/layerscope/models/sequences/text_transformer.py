"""`text-transformer`: a small encoder whose words look at each other."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from layerscope.models.sequences.text_rnn import PADDING, lengths_of


class Attention(nn.Module):
    """Multi-head self-attention, with its weights to be read.

    Args:
        width: E, of a token.
        heads: A; E is a multiple of it.

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """What the tokens take from each other: (B, T, E) -> (B, T, E)."""
        attended = F.scaled_dot_product_attention(*self.projected(tokens), attn_mask=visible)
        return self.out(attended.transpose(1, 2).flatten(2))

    def weights(self, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """How much every word (row) takes from every word: (B, A, T, T), rows sum to 1."""
        query, key, _ = self.projected(tokens)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        return scores.masked_fill(~visible, -torch.inf).softmax(3)

    def projected(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values, each (B, A, T, E / A)."""
        B, T, E = tokens.shape
        parted = self.query_key_value(tokens).view(B, T, 3, self.heads, E // self.heads)
        query, key, value = parted.permute(2, 0, 3, 1, 4)
        return query, key, value


class Block(nn.Module):
    """Attention and a small dense network, each added to what came in, each normalised before.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, figure 1b.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout_frac: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.dense_norm = nn.LayerNorm(width)
        self.dense = nn.Linear(width, hidden)
        self.activation = nn.GELU()
        self.back = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout_frac)

    def forward(self, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens), visible))
        changed = self.back(self.activation(self.dense(self.dense_norm(tokens))))
        return tokens + self.dropout(changed)


class TextTransformer(nn.Module):
    """Embeddings of words and of their places, blocks, and a dense layer over the mean of tokens.

    Args:
        n_words: V, ids of the vocabulary.
        n_outputs: K classes, or V for the next word.
        length: T, the longest sentence.
        embedding: E, of a token.
        heads: of attention in each block.
        hidden: units of the dense layer inside a block.
        layers: blocks.
        dropout_frac: behind the embedding, in the blocks and before the last layer.
        every_word: whether each word is read (the next word), and sees only those before it.
    """

    def __init__(
        self,
        n_words: int,
        n_outputs: int,
        *,
        length: int,
        embedding: int = 64,
        heads: int = 4,
        hidden: int = 128,
        layers: int = 2,
        dropout_frac: float = 0.0,
        every_word: bool = False,
    ) -> None:
        super().__init__()
        self.every_word, self.length = every_word, length
        self.embedding = nn.Embedding(n_words, embedding, padding_idx=PADDING)
        self.places = nn.Embedding(length, embedding)
        self.embedding_dropout = nn.Dropout(dropout_frac)
        self.blocks = nn.ModuleList(
            Block(embedding, heads, hidden, dropout_frac) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding)
        self.dropout = nn.Dropout(dropout_frac)
        self.head = nn.Linear(embedding, n_outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of sentences, as `TextRnn.forward` gives them; T is `length` at most."""
        lengths = lengths_of(tokens) if lengths is None else lengths
        states = self.states_of_embedded(self.embed(tokens), lengths)
        if self.every_word:
            return self.head(self.dropout(states))
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        mean = (states * inside[:, :, None]).sum(1) / lengths[:, None]
        return self.head(self.dropout(mean))

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Words as numbers, their places added: (B, T) -> (B, T, E)."""
        places = self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.embedding_dropout(self.embedding(tokens) + places)

    def states(self, tokens: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """The tokens behind the last block, normalised: (B, T) -> (B, T, E)."""
        lengths = lengths_of(tokens) if lengths is None else lengths
        return self.states_of_embedded(self.embed(tokens), lengths)

    def states_of_embedded(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The same from words that are numbers already: (B, T, E) -> (B, T, E)."""
        visible = self.visible(embedded.shape[1], lengths)
        for block in self.blocks:
            embedded = block(embedded, visible)
        return self.norm(embedded)

    def visible(self, T: int, lengths: torch.Tensor) -> torch.Tensor:
        """Which word (row) may look at which: bool (B, 1, T, T); none looks at padding."""
        places = torch.arange(T, device=lengths.device)
        visible = (places < lengths[:, None])[:, None, None, :].expand(-1, 1, T, T)
        return visible & (places <= places[:, None]) if self.every_word else visible

    def attention_maps(
        self, tokens: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Every block's attention: (B, T) -> (L, B, A, T, T), rows sum to 1."""
        lengths = lengths_of(tokens) if lengths is None else lengths
        visible = self.visible(tokens.shape[1], lengths)
        now, maps = self.embed(tokens), []
        for block in self.blocks:
            assert isinstance(block, Block), "that is all it holds"
            maps.append(block.attention.weights(block.attention_norm(now), visible))
            now = block(now, visible)
        return torch.stack(maps)
