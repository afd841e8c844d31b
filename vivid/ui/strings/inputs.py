"""Sentences about files that people give, raised or noted anywhere: English template -> Chinese (see vivid/errors.py).

`{}` stands for a value in the English ones, `{0}`, `{1}`, ... for the same values in the Chinese ones. Values that are
in the table themselves (a kind of file, a part of the body) are translated with their sentence.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # Words and phrases that stand within sentences
    "picture": "图片",
    "sound file": "声音文件",
    "video": "视频",
    "portrait": "肖像",
    "voice": "语音",
    "motion": "动作",
    "left hand": "左手",
    "right hand": "右手",
    "left": "左",
    "right": "右",
    "body": "身体",
    "face": "面部",
    "neck": "颈部",
    "nose": "鼻子",
    "hips": "髋部",
    "more": "更多",
    "longer": "更",
    "the global factor": "整体系数",
    "the other one's length": "另一侧的长度",
    "{} seconds": "{0} 秒",
    "the limit is {} megapixels, scale it down": "上限为 {0} 百万像素，请缩小",
    "frame {} of {}": "{1} 的第 {0} 帧",
    "frame {} ({} s)": "第 {0} 帧（{1} 秒）",
    "frames {}-{} ({}-{} s)": "第 {0}–{1} 帧（{2}–{3} 秒）",
    "{} more stretches": "另外 {0} 段",
    "{}, {}": "{0}、{1}",
    "{} and {}": "{0}和{1}",
    "{}: {}": "{0}：{1}",
    "frame {} ({}.npy) of {}": "{2} 的第 {0} 帧（{1}.npy）",
    # Files of any kind
    "The {} {} is empty: choose another one.": "{0} {1} 是空的：请另选一个。",
    "The {} {} has {}, the limit is {}: choose a smaller or shorter one.": (
        "{0} {1} 大小为 {2}，上限为 {3}：请选择更小或更短的文件。"
    ),
    "The {} {} cannot be opened: check its name and permissions.": "{0} {1} 无法打开：请检查文件名和权限。",
    "There is no {} at {}: check the path.": "找不到{0} {1}：请检查路径。",
    "{} is not a file: give the path of one {}.": "{0} 不是文件：请选择一个{1}。",
    "No ffmpeg program was found: `pip install imageio-ffmpeg` brings one.": (
        "服务器缺少 ffmpeg：请管理者运行 pip install imageio-ffmpeg。"
    ),
    "{} takes too long to open: convert it to MP4 or WAV first.": "{0} 打开耗时过长：请先转换为 MP4 或 WAV。",
    "{} is no gesture clip that can be read: use a video, .npz, OpenPose .json or an EchoMimicV2 archive.": (
        "{0} 不是可读取的手势片段：请使用视频、.npz、OpenPose .json 或 EchoMimicV2 压缩包。"
    ),
    "{} is neither a sound nor a video file that can be read: use WAV, MP3, M4A or MP4.": (
        "{0} 不是可读取的声音或视频文件：请使用 WAV、MP3、M4A 或 MP4。"
    ),
    # Pictures
    "{} is a HEIC picture, which cannot be read here: save it as JPEG or PNG.": (
        "{0} 是 HEIC 图片，此处无法读取：请另存为 JPEG 或 PNG。"
    ),
    "{} is too large: {}.": "{0} 太大：{1}。",
    "{} is stored in {} passes, too many to decode: save it again as JPEG or PNG.": (
        "{0} 分 {1} 遍存储，解码耗时过长：请重新保存为 JPEG 或 PNG。"
    ),
    "{} takes too long to decode: save it again as JPEG or PNG.": "{0} 解码耗时过长：请重新保存为 JPEG 或 PNG。",
    "{} takes too much memory to decode: scale it down.": "{0} 解码所需内存过多：请缩小。",
    "{} takes too long to read: trim the clip, or keep one person in it.": (
        "{0} 读取耗时过长：请剪短片段，或只保留一个人。"
    ),
    "{} takes too much memory to read: trim the clip, or keep one person in it.": (
        "{0} 读取所需内存过多：请剪短片段，或只保留一个人。"
    ),
    "{} cannot be read as a picture: use a JPEG, PNG or WebP file.": (
        "{0} 无法作为图片读取：请使用 JPEG、PNG 或 WebP 文件。"
    ),
    "The picture has {} x {} pixels: {}.": "图片为 {0} × {1} 像素：{2}。",
    "The picture has only {} x {} pixels: choose one of at least {} on each side.": (
        "图片只有 {0} × {1} 像素：请选择每边至少 {2} 像素的图片。"
    ),
    "{} is damaged or incomplete: save or download it again.": "{0} 已损坏或不完整：请重新保存或下载。",
    "No person was found in the picture: use one that shows head, shoulders and arms, well lit.": (
        "图片中没有找到人物：请使用光线良好、露出头、肩和手臂的图片。"
    ),
    "No face was found in the picture: use one where the person looks towards the camera.": (
        "图片中没有找到面部：请使用人物面向镜头的图片。"
    ),
    "No head was found in the portrait: choose a picture that shows the face and the shoulders.": (
        "肖像中没有找到头部：请选择露出面部和肩部的图片。"
    ),
    "There are {} people in the picture; the largest one near the middle is used: crop the picture if that is not who "
    "you mean.": "图片中有 {0} 个人；将使用靠近中间、最大的一位：如果不是您想要的人，请裁剪图片。",
    "No {} hand was found in the portrait: its look is made up.": "肖像中没有找到{0}手：其外观将由模型补全。",
    "The {} hand in the portrait is blurred or small: a sharper picture gives better hands.": (
        "肖像中的{0}手模糊或较小：更清晰的图片会有更好的手部效果。"
    ),
    "The person in the portrait seems to lie or stand on the head: turn the picture upright.": (
        "肖像中的人物似乎是躺着或倒立的：请把图片转正。"
    ),
    "The head in the portrait is cut off at the top: leave some room above it.": "肖像的头顶被截断：请在上方留出空间。",
    "The face in the portrait is only {} pixels high: use a larger picture or crop closer.": (
        "肖像的面部高度只有 {0} 像素：请使用更大的图片或裁剪得更近。"
    ),
    "The face in the portrait is {} pixels high: from about 100 on the mouth gets sharp.": (
        "肖像的面部高度仅 {0} 像素：约 100 像素以上嘴部才清晰。"
    ),
    "The head in the portrait is very dark: use a picture in better light.": "肖像的头部很暗：请使用光线更好的图片。",
    "A shoulder is outside the portrait: gestures may look cramped.": "有一侧肩部在肖像之外：手势可能显得局促。",
    "{} does not stand upright: turn it by {} degrees to the left.": "{0} 没有摆正：请向左旋转 {1} 度。",
    # Sound
    "{} has {} of sound, the limit is {} seconds: cut it shorter.": "{0} 的声音长度为 {1}，上限为 {2} 秒：请剪短。",
    "{} has only {} seconds of sound: choose one of at least {} seconds.": (
        "{0} 只有 {1} 秒声音：请选择至少 {2} 秒的文件。"
    ),
    "{} has no sound: choose a file with speech in it.": "{0} 没有声音：请选择含有语音的文件。",
    "The sound in {} cannot be decoded: convert it to WAV or MP3.": "{0} 中的声音无法解码：请转换为 WAV 或 MP3。",
    "{} is empty or damaged: there is no moment of sound in it. Record it anew.": (
        "{0} 是空的或已损坏：其中没有任何声音。请重新录制。"
    ),
    "{} holds no valid samples: export it again as WAV.": "{0} 不含有效的声音数据：请重新导出为 WAV。",
    "{} has {} channels of sound: mix it down to mono or stereo first.": (
        "{0} 有 {1} 个声道：请先混合为单声道或立体声。"
    ),
    "{} takes too long to decode: convert it to MP4 or WAV first.": "{0} 解码耗时过长：请先转换为 MP4 或 WAV。",
    "The speech is shorter than one frame of video: record at least a second.": (
        "语音比一帧画面还短：请至少录制一秒。"
    ),
    # Videos
    "{} is {} long, the limit is {} seconds: cut it shorter.": "{0} 长度为 {1}，上限为 {2} 秒：请剪短。",
    "{} has no pictures in it: choose a video file such as MP4, MOV or WebM.": (
        "{0} 中没有画面：请选择 MP4、MOV 或 WebM 等视频文件。"
    ),
    "{} has {} x {} pixels a frame, the limit is {} megapixels: scale it down.": (
        "{0} 每帧为 {1} × {2} 像素，上限为 {3} 百万像素：请缩小。"
    ),
    "{} has only {} x {} pixels a frame: choose a larger one.": "{0} 每帧只有 {1} × {2} 像素：请选择更大的视频。",
    "No frame of {} can be decoded: convert it to MP4 (H.264) first.": (
        "{0} 的画面无法解码：请先转换为 MP4（H.264）。"
    ),
    "No person was found in any of the {} frames of {}: film one person from the front, head to hips, in good light.": (
        "{1} 的 {0} 帧中都没有找到人物：请在良好光线下正面拍摄一个人，从头到髋。"
    ),
    "There are up to {} people in {}; the largest one near the middle is followed: film one person alone if that is "
    "not who you mean.": "{1} 中最多有 {0} 个人；将跟踪靠近中间、最大的一位：如果不是您想要的人，请单独拍摄。",
    "The {} is not seen in {}: {}.": "{1} 中看不到{0}：{2}。",
    "The {} is not seen in {} of {}: {}.": "{2} 的 {1} 中看不到{0}：{3}。",
    "cut this part out, or keep head and shoulders in the picture": "请剪掉这一段，或让头和肩保持在画面中",
    "cut this part out, or look towards the camera there": "请剪掉这一段，或在此处面向镜头",
    "keep the hand in the picture if the gesture needs it": "如果手势需要，请让手保持在画面中",
    # Gesture clips
    "There is no gesture clip named {}: choose one of {}.": "没有名为 {0} 的手势：请选择 {1}。",
    "The motion has no frames: choose another one.": "动作中没有任何帧：请另选一个。",
    "There is no pose clip {}: check its path.": "找不到手势文件 {0}：请检查路径。",
    "{} is larger than {} MB: trim the clip.": "{0} 超过 {1} MB：请剪短。",
    "{} is damaged or not a pose clip: export it again as .npz.": "{0} 已损坏或不是手势文件：请重新导出为 .npz。",
    "{} has {} frames: 1 to {} are allowed.": "{0} 有 {1} 帧：允许 1 到 {2} 帧。",
    "{} says {} frames a second: 1 to {} are allowed.": "{0} 标明每秒 {1} 帧：允许 1 到 {2}。",
    "{} has a canvas of {} x {}: 1 to {} pixels a side are allowed.": (
        "{0} 的画布为 {1} × {2}：每边允许 1 到 {3} 像素。"
    ),
    "{} has a {} point in frame {} that is no usable number: repair or trim that frame (absent points are 0, 0, 0).": (
        "{0} 第 {2} 帧的{1}点不是有效数字：请修复或剪掉该帧（缺失的点应为 0, 0, 0）。"
    ),
    "{} holds {} arrays, a pose clip has six: export it again as .npz.": (
        "{0} 含 {1} 个数组，而手势文件应有六个：请重新导出为 .npz。"
    ),
    "{} has no array {}: a pose clip has version, fps, canvas, body, hands, face.": (
        "{0} 缺少数组 {1}：手势文件应有 version、fps、canvas、body、hands、face。"
    ),
    "{} is not version {} of the pose clip: export it again with this program.": (
        "{0} 不是第 {1} 版手势文件：请用本程序重新导出。"
    ),
    "{} needs one number for fps and two for canvas: export it again.": (
        "{0} 的 fps 应为一个数，canvas 应为两个数：请重新导出。"
    ),
    "{} has parts of different lengths ({}): export it again.": "{0} 各部分长度不同（{1}）：请重新导出。",
    "Array {} has type {}, which is not accepted: store plain float32 numbers.": (
        "数组 {0} 的类型为 {1}，不被接受：请存为普通 float32。"
    ),
    "Array {} has shape {}, a number or two were expected.": "数组 {0} 的形状为 {1}，应为一两个数：请重新导出。",
    "Array {} has shape {}, expected {}.": "数组 {0} 的形状为 {1}，应为 {2}：请重新导出。",
    "Array {} announces {} frames: 1 to {} are allowed.": "数组 {0} 标明 {1} 帧：允许 1 到 {2} 帧。",
    "Array {} is longer or shorter than its header says: export the clip again.": (
        "数组 {0} 的长度与其头部不符：请重新导出。"
    ),
    "Array {} has a damaged header: export the clip again.": "数组 {0} 的头部已损坏：请重新导出。",
    "Array {} has a header that is not accepted: store plain float32 numbers.": (
        "数组 {0} 的头部不被接受：请存为普通 float32。"
    ),
    "Array {} has an unknown type: store plain float32 numbers.": "数组 {0} 的类型未知：请存为普通 float32。",
    "There is no EchoMimicV2 pose in {}: check that it is a folder of pose clips.": (
        "{0} 中没有 EchoMimicV2 姿态：请确认它是姿态文件夹。"
    ),
    "There is no EchoMimicV2 pose in {}: export the clip again.": "{0} 中没有 EchoMimicV2 姿态：请重新导出。",
    "Refused to read {}, which holds {}: only arrays and numbers are allowed.": (
        "拒绝读取 {0}，其中含有 {1}：只允许数组和数字。"
    ),
    "The canvas changes in {}: export the clip again in one size.": "{0} 的画布尺寸有变化：请以同一尺寸重新导出。",
    "{} is no archive of at most {} MB: choose another file.": "{0} 不是 {1} MB 以内的压缩包：请另选文件。",
    "{} holds more than {} files: trim the clip.": "{0} 含有超过 {1} 个文件：请剪短。",
    "{} holds {}, a link or device: pack plain files.": "{0} 含有链接或设备 {1}：请只打包普通文件。",
    "{} in {} is too large for one pose.": "{1} 中的 {0} 对于一个姿态来说太大：请重新导出。",
    "{} is damaged or no tar archive: pack the folder of poses again.": "{0} 已损坏或不是 tar 包：请重新打包。",
    "{} unpacks to more than {} MB: trim the clip.": "{0} 解压后超过 {1} MB：请剪短。",
    "{} in {} is a link or no file: copy the real file there.": "{1} 中的 {0} 是链接或不是文件：请放入真实文件。",
    "{} holds frame {} twice: keep one clip in a folder or archive.": (
        "{0} 中第 {1} 帧出现两次：一个文件夹或压缩包只放一段手势。"
    ),
    "{} holds more than {} frames or {} MB: trim the clip.": "{0} 超过 {1} 帧或 {2} MB：请剪短。",
    "There are no poses in {}: it needs 0.npy, 1.npy, ... (EchoMimicV2) or numbered OpenPose JSON files.": (
        "{0} 中没有姿态：需要 0.npy、1.npy……（EchoMimicV2）或带编号的 OpenPose JSON 文件。"
    ),
    "{} is no gesture clip: give .npz, OpenPose .json or an EchoMimicV2 archive.": (
        "{0} 不是手势文件：请提供 .npz、OpenPose .json 或 EchoMimicV2 压缩包。"
    ),
    "{} is a picture that does not move: give a video, .npz, .json, an archive or a clip's name.": (
        "{0} 是静止的图片：请提供视频、.npz、.json、压缩包或手势名称。"
    ),
    "{} ships with the program and tells its own frames a second: leave out --fps.": (
        "{0} 是随程序提供的手势，自带帧率：请去掉 --fps。"
    ),
    "{} lasts {} seconds, the limit is {}: trim it.": "{0} 长 {1} 秒，上限为 {2} 秒：请剪短。",
    "{} does not tell its frames a second: {} are assumed (`--fps` on the command line takes another rate).": (
        "{0} 没有标明帧率：按每秒 {1} 帧处理（可在命令行用 `--fps` 指定）。"
    ),
    "Nobody is seen in {} of {}: the pose there is made from the frames around.": (
        "{1} 的 {0} 中看不到人：该处姿态由前后帧补全。"
    ),
    "A person is seen in only {} of the {} frames of {}: cut the rest out, or film one person from the front, head to "
    "hips, in good light.": (
        "{2} 的 {1} 帧中只有 {0} 帧有人：请剪掉其余部分，或在良好光线下正面拍摄一个人，从头到髋。"
    ),
    "Frame {} is missing in {}: export the clip again or number it without gaps.": (
        "{1} 缺少第 {0} 帧：请重新导出，或连续编号。"
    ),
    "{} is no JSON file of at most {} MB: choose another file.": "{0} 不是 {1} MB 以内的 JSON 文件：请另选文件。",
    "There is no readable JSON in {}: export the OpenPose clip again.": "{0} 中没有可读的 JSON：请重新导出 OpenPose。",
    "There is no pose in {} that can be read: export it as OpenPose, AlphaPose or MMPose JSON.": (
        "{0} 中没有可读取的姿态：请导出为 OpenPose、AlphaPose 或 MMPose JSON。"
    ),
    "There are {} frames in one clip: 1 to {} are allowed.": "一段手势有 {0} 帧：允许 1 到 {1} 帧。",
    "The point lists in {} have odd lengths or contents: export the clip again.": (
        "{0} 中点的数量或内容不对：请重新导出。"
    ),
    "A clip of {} frames was asked for: 1 to {} are possible.": "所需手势为 {0} 帧：可以是 1 到 {1} 帧。",
    "The clip would have {} frames: {} are possible, trim it first.": "手势将有 {0} 帧，最多 {1} 帧：请先剪短。",
}
