"""Sentences in three languages, written for this project, and the phones that synthesisers speak for them."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...synthesis import speech
from ...synthesis.sentences import SENTENCES
from ...synthesis.transforms import Array
from ...synthesis.visemes import Phone

LANGUAGES = ("english", "mandarin", "spanish")
HELD_OUT = 9
"""Every ninth sentence and voice is kept back for the evaluation."""

MANDARIN = """da4 jia1 hao3, jin1 tian1 wo3 xiang3 he2 da4 jia1 tan2 yi4 tan2 wo3 de5 jia1 xiang1.
wo3 men5 bi4 xu1 ba3 wo4 ji1 hui4, bu2 yao4 fang4 qi4.
qing3 bu2 yao4 zai4 gong1 gong4 chang3 suo3 xi1 yan1.
chun1 tian1 lai2 le5, hua1 yuan2 li3 kai1 man3 le5 hua1.
zuo2 tian1 wan3 shang4 wo3 gen1 peng2 you5 yi4 qi3 chi1 fan4.
zhe4 ge5 wen4 ti2 fei1 chang2 zhong4 yao4, wo3 men5 ming2 tian1 zai4 tao3 lun4.
ma1 ma5 mai3 le5 ping2 guo3, pu2 tao2 he2 mian4 bao1.
ben3 tai2 bao4 dao4, jin1 nian2 de5 jing1 ji4 fa1 zhan3 hen3 wen3 ding4.
xue2 xiao4 de5 tu2 shu1 guan3 mei3 tian1 zao3 shang4 ba1 dian3 kai1 men2.
nü3 shi4 men5, xian1 sheng1 men5, huan1 ying2 guang1 lin2.
wo3 jue2 de5 lü3 xing2 ke3 yi3 rang4 ren2 xue2 dao4 hen3 duo1 dong1 xi5.
bei3 jing1 de5 dong1 tian1 bi3 shang4 hai3 leng3 de5 duo1.
qi3 fei1 zhi1 qian2, qing3 ji4 hao3 an1 quan2 dai4.
ni3 neng2 bu4 neng2 bang1 wo3 mai3 liang3 bei1 ka1 fei1?
fu4 mu3 ba3 fang2 jian1 da3 sao3 de5 fei1 chang2 gan1 jing4.
ta1 mei2 you3 ting1 jian4 wo3 shuo1 hua4, suo3 yi3 mei2 hui2 da2.
bao4 zhi3 shang4 shuo1 fei1 ji1 piao4 you4 pian2 yi5 le5.
wo3 de5 peng2 you5 mai3 le5 yi2 bu4 xin1 shou3 ji1.
bie2 wang4 le5 ba3 men2 guan1 hao3, wai4 mian4 feng1 hen3 da4.
yi1, er4, san1, si4, wu3, liu4, qi1, ba1, jiu3, shi2.
na4 ben3 shu1 wo3 yi3 jing1 kan4 guo4 san1 bian4 le5.
hai2 zi5 men5 zai4 gong1 yuan2 li3 pao3 lai2 pao3 qu4.
wei4 shen2 me5 ni3 zong3 shi4 zhe4 me5 mang2?
zhe4 zuo4 qiao2 shi4 yi4 bai3 nian2 yi3 qian2 xiu1 de5.
yuan2 lai2 ru2 ci3, wo3 zhong1 yu2 ming2 bai5 le5.
qing3 gen1 wo3 lai2, wo3 dai4 ni3 qu4 kan4 yue4 liang5.
mo4 sheng1 ren2 pai1 le5 pai1 wo3 de5 jian1 bang3.
wan3 fan4 yi3 hou4 wo3 men5 chang2 chang2 san4 bu4.
xia4 ge5 xing1 qi1 wo3 yao4 qu4 guang3 zhou1 chu1 chai1.
shui2 dou1 bu4 zhi1 dao4 ming2 tian1 hui4 fa1 sheng1 shen2 me5.
zhu4 ni3 sheng1 ri4 kuai4 le4, wan4 shi4 ru2 yi4.
qing3 ba3 chuang1 hu5 da3 kai1, wu1 zi5 li3 tai4 re4 le5.
ye2 ye5 mei3 tian1 dou1 he1 yi4 bei1 re4 cha2.
yu3 ting2 le5, tian1 bian1 chu1 xian4 le5 cai3 hong2.
bu4 guan3 duo1 me5 kun4 nan5, ta1 dou1 bu2 pa4.
wo3 men5 de5 huo3 che1 xia4 wu3 wu3 dian3 ban4 chu1 fa1.""".splitlines()

SPANISH = """Buenos días a todos, hoy quiero hablaros de mi pueblo.
El perro de mi vecino ladra cada mañana muy temprano.
Me gusta beber agua fresca cuando vuelvo del trabajo.
¿Quién vive en aquella casa blanca de la colina?
Mi abuela preparaba el mejor pan de toda la provincia.
No te olvides de cerrar la puerta antes de salir.
Ayer compramos peras, manzanas y un poco de queso.
La niña dijo adiós con la mano y se fue corriendo.
Si quieres, podemos empezar la reunión un poco más tarde.
El tren sale a las siete y media desde el andén número dos.
Nunca había visto tantas estrellas en una sola noche.
Primero medimos la madera y luego la cortamos con cuidado.
Este problema es importante, pero tiene una solución sencilla.
¿Puedes ayudarme a mover esta mesa tan pesada?
En invierno las montañas se cubren de nieve.
Gracias por venir, ha sido un placer conocerte.
Los jóvenes aprendieron a bailar en la plaza mayor.
Uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez.
Mañana por la tarde vamos al museo con unos amigos.
El periódico publicó una fotografía enorme del puente.
Hace mucho frío, así que ponte el abrigo y la bufanda.
Mi hermano trabaja en un hospital cerca del mar.
¡Qué bonito es este jardín lleno de flores!
Perdona, no he entendido bien la última pregunta.
La película empieza dentro de veinte minutos.
Siempre guardo una llave debajo de la maceta verde.
Todo lo que necesitamos ya está sobre la mesa.
El viento movía las velas de los barcos pequeños.
Poco a poco fuimos comprendiendo lo que había pasado.
Te prometo que llamaré en cuanto llegue a casa.
¿Prefieres café con leche o un vaso de zumo?
Aquel verano viajamos por pueblos muy antiguos.
Un buen maestro escucha más de lo que habla.
La biblioteca permanece abierta hasta las nueve.
Vamos a probar otra vez, pero más despacio.
El gato duerme todo el día y despierta para cenar.""".splitlines()

TEXTS = {"english": SENTENCES, "mandarin": MANDARIN, "spanish": SPANISH}
VARIANTS = (
    "", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m5", "+m7", "+anika", "+Alicia", "+adam", "+john",
    "+linda", "+steph", "+Mike", "+klatt", "+pablo", "+victor",
)  # fmt: skip
"""espeak-ng's voice variants, which speak every language."""
_NAMES = {"mandarin": ("cmn-latn-pinyin",), "spanish": ("es", "es-419")}

_MANDARIN_PARTS = {
    "iɑ": "I aa", "iɛ": "I E", "uei": "U E I", "ei": "E I", "ai": "aa I", "ɑu": "aa U", "iou": "I O U", "ou": "O U",
    "uo": "U O", "ua": "U aa", "uɑ": "U aa", "uai": "U aa I", "yɛ": "U E", "yæ": "U E", "y": "U", "yu": "U",
    "onɡ": "O nn", "o-": "AX", "χ": "kk", "ɕ": "SS", "tɕ": "SS", "tɕh": "SS", "ʐ": "RR", "ts.": "CH", "ts.h": "CH",
    "s.": "CH", "i.": "SS", "i[": "SS", "i̪": "SS", "ts": "SS", "tsh": "SS", "ər": "AX RR", "ɤ": "AX", "o": "O",
    "iɑu": "I aa U",
}  # fmt: skip
"""Visemes of pinyin phones, with compound finals split."""
_SPANISH_PARTS = {
    "β": "PP", "ɣ": "kk", "ɰ": "kk", "ɲ": "nn", "ʎ": "I", "ʝ": "I", "ɟ": "I", "ŋ": "nn", "oɪ": "O I", "aɪ": "aa I",
    "eɪ": "E I", "aʊ": "aa U", "eʊ": "E U", "eu": "E U", "r": "DD",
}  # fmt: skip
APPROXIMANT = "β"
"""Lips come close to each other but do not touch."""
_LINKED = 0.06
"""Seconds below which a gap between pinyin syllables does not count as a pause."""


def texts(language: str, held_out: bool) -> list[str]:
    """The sentences of a language that are for training, or those kept back."""
    return [text for k, text in enumerate(TEXTS[language]) if (k % HELD_OUT == 4) == held_out]


def voices_of(language: str, held_out: bool) -> list[speech.Voice]:
    """The same for voices."""
    if language == "english":
        found = speech.voices()
    else:
        names = [name + variant for name in _NAMES[language] for variant in VARIANTS]
        found = [speech.Voice("espeak", name, False, k) for k, name in enumerate(names)]
    return [v for v in found if (v.key % HELD_OUT == 4 or v.name == "awb") == held_out]


def visemes_of(language: str, phones: list[Phone]) -> list[Phone]:
    """Phones with what `synthesis.visemes` lacks for a language: its own sounds, and diphthongs split."""
    if language == "english":
        return phones
    table = _MANDARIN_PARTS if language == "mandarin" else _SPANISH_PARTS
    out: list[Phone] = []
    for p in phones:
        symbol = p.symbol.replace("ˈ", "").replace("ː", "")
        parts = table.get(symbol, p.viseme).split()
        if language == "mandarin" and parts == ["sil"] and p.end - p.start < _LINKED and out:
            out[-1] = dataclasses.replace(out[-1], end=p.end)
            continue
        step = (p.end - p.start) / len(parts)
        for k, name in enumerate(parts):
            stress = p.stress or (language == "mandarin" and len(parts) > 1)
            out.append(Phone(p.start + k * step, p.start + (k + 1) * step, p.symbol, name, stress))
    return out


def speak(
    text: str, language: str, voice: speech.Voice, rng: np.random.Generator, slow: float = 1.0
) -> tuple[Array, list[Phone]]:
    """Samples (N,) of a sentence at 16 kHz, any loudness, and its phones; slow: how much slower; above 1 the sentence
    is sung, with level pitch."""
    if voice.engine == "flite":
        return speech.synthesise(text, voice, rng)
    low, high = (165, 250) if language == "mandarin" else (125, 200)
    rate = max(80.0, rng.integers(low, high) / slow)
    spread = 5.0 if slow > 1 else rng.uniform(45, 80)
    samples, phones = speech.espeak(text, voice.name, rate, rng.uniform(20, 80), spread)
    return samples, visemes_of(language, phones)
